internal import Reports

/// What a section has found, for the two forms of the report.
struct PaperFindings {
  /// The result beside the paper's, in a word.
  enum Verdict: String {
    case reproduced
    /// Some of what was compared is, some is not.
    case partly = "partly reproduced"
    case notReproduced = "not reproduced"
    case tooSmall = "too small to tell"
    /// Nothing of the paper to compare with.
    case own = "not in the paper"
  }

  enum Block {
    case text(String)
    case table(PaperTable)
    /// A picture, with the name of its file.
    case chart(String, Chart)
  }

  /// The section's name for `--only`.
  let name: String
  let title: String
  /// What the paper says.
  let claim: String
  let verdict: Verdict
  /// What the verdict rests on.
  let sentence: String
  let blocks: [Block]
}

extension Chart.Series {
  /// A line through the means of samples, with a dot at each and a band of one standard error to each side.
  ///
  /// - Parameters:
  ///   - role: The colour.
  ///   - label: The text at the line's end.
  ///   - samples: The positions and the samples.
  ///   - hasDots: Whether each mean is marked.
  ///   - shown: What is shown of a mean and of the ends of its band; it must rise.
  init(
    _ role: ChartStyle.Role, _ label: String, samples: [(step: Double, sample: PaperSample)],
    hasDots: Bool = true, shown: (Double) -> Double = { $0 }
  ) {
    self.init(
      role, label, line: samples.map { ($0.step, shown($0.sample.mean)) },
      band: samples.map { step, sample in
        let error = sample.standardError ?? 0
        return (step, shown(sample.mean - error), shown(sample.mean + error))
      }, hasDots: hasDots)
  }
}

/// A table of text; all columns but the first are numbers.
struct PaperTable {
  let caption: String
  let headings: [String]
  let rows: [[String]]
}

extension PaperFindings {
  /// The seeds that would give the standard error that the report aims at, if the figures do not have it.
  static let aim = 0.03

  /// A sentence if some standard error is above 0.03 nats: how many tokens it would take.
  ///
  /// - Parameters:
  ///   - samples: Losses in nats.
  ///   - tokens: The tokens of a run.
  /// - Returns: nil if the errors are small enough.
  static func precision(_ samples: [PaperSample], tokens: Int) -> String? {
    guard let worst = samples.max(by: { $0.standardError ?? 0 < $1.standardError ?? 0 }),
      let error = worst.standardError, error > aim
    else { return nil }
    let seeds = Int((Double(worst.values.count) * (error / aim) * (error / aim)).rounded(.up))
    return "The largest standard error is \(error.fixed(3)) nats. For \(aim) it would take \(seeds) seeds, "
      + "\(grouped(seeds * tokens)) tokens, for each network."
  }
}

/// A number without decimals, for tables.
func whole(_ number: Double?) -> String {
  guard let number, number.isFinite else { return "–" }
  return grouped(Int(number.rounded()))
}
