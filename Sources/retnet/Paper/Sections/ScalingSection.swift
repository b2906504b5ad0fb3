internal import Glibc
internal import Reports

/// Perplexity against the number of weights (Fig. 5).
struct ScalingSection: PaperSection {
  static let name = "scaling"
  private let scale: PaperScale
  private static let architectures: [PaperArchitecture] = [.retnet, .transformer]

  init(_ scale: PaperScale) { self.scale = scale }

  var sweeps: [PaperSweep] { Self.architectures.flatMap { PaperTraining.sweeps($0, scale) } }

  func experiments(_ rates: PaperRates) -> [PaperExperiment] {
    scale.sizes.flatMap { size in
      Self.architectures.flatMap { architecture in
        (1...scale.seeds).map { seed in
          PaperTraining.experiment(
            architecture, size, rate: PaperTraining.rate(architecture, size, scale, rates), seed: seed, scale: scale)
        }
      }
    }
  }

  func findings(_ results: PaperResults, _ rates: PaperRates) -> PaperFindings {
    func losses(_ architecture: PaperArchitecture, _ size: PaperSize) -> PaperSample {
      results.sample(PaperTraining.names(architecture, size, scale), "loss") ?? PaperSample([.nan])
    }
    func weights(_ architecture: PaperArchitecture, _ size: PaperSize) -> Double {
      results.value(PaperTraining.name(architecture, size, seed: 1), "parameters") ?? .nan
    }
    let gaps = scale.sizes.map { PaperDifference(losses(.retnet, $0), minus: losses(.transformer, $0)) }
    let change = PaperDifference(gaps[gaps.count - 1], minus: gaps[0])
    let last = gaps[gaps.count - 1]
    let trend =
      switch change.sign {
      case -1: "From the smallest to the largest size the RetNet catches up"
      case 1: "From the smallest to the largest size the RetNet falls behind"
      default: "From the smallest to the largest size the gap stays the same within its error"
      }
    let order =
      switch last.sign {
      case -1: "the RetNet has the lower loss"
      case 1: "the Transformer still has the lower loss"
      default: "neither is ahead"
      }
    let all = scale.sizes.flatMap { size in Self.architectures.map { losses($0, size) } }
    let rows = zip(scale.sizes, gaps).map { size, gap in
      ["\(size.width) × \(size.layers)", whole(weights(.retnet, size))]
        + Self.architectures.map { losses($0, size).text(3) }
        + Self.architectures.map { exp(losses($0, size).mean).fixed(1) } + [gap.text(3)]
    }
    return PaperFindings(
      name: Self.name, title: "Scaling",
      claim: "Both networks get better as they grow, and the RetNet overtakes the Transformer at about two billion "
        + "weights (Fig. 5). At 6.7 billion the paper reads about 12.8 against 13.0 in perplexity.",
      verdict: change.sign == -1
        ? (last.sign == -1 ? .reproduced : .partly) : change.sign == 1 ? .notReproduced : .tooSmall,
      sentence: "\(trend) (\(change.text(3)) nats); at the largest, \(order) (RetNet minus Transformer "
        + "\(last.text(3)) nats). Two billion weights are out of reach here.",
      blocks: [
        .chart("scaling", chart(losses, weights)),
        .table(
          PaperTable(
            caption: "Loss in nats per token and perplexity of the held-out text, windows of "
              + "\(PaperTraining.length) tokens; mean and standard error of \(counted(scale.seeds, "seed")).",
            headings: [
              "width × layers", "weights", "RetNet, nats", "Transformer, nats", "RetNet, ppl", "Transformer, ppl",
              "RetNet minus Transformer",
            ],
            rows: rows)),
        sweepTable(results, rates), .text(rateNote),
      ] + (PaperFindings.precision(all, tokens: scale.tokens).map { [.text($0)] } ?? []))
  }

  private var rateNote: String {
    (scale.middleRates.isEmpty
      ? "All sizes take the rate of the first. "
      : "Networks of a width of \(scale.middle.width) or more take the rate of the sweep at that width, the others that of "
        + "the smallest size. ") + "Text, order, schedule and optimizer are the same for both."
  }

  private func sweepTable(_ results: PaperResults, _ rates: PaperRates) -> PaperFindings.Block {
    PaperSweepTable.block(sweeps, results, rates, of: "one seed")
  }

  private func chart(
    _ losses: (PaperArchitecture, PaperSize) -> PaperSample, _ weights: (PaperArchitecture, PaperSize) -> Double
  ) -> Chart {
    let series = zip(Self.architectures, [ChartStyle.Role.first, .second]).map { architecture, role in
      Chart.Series(
        role, architecture.name,
        samples: scale.sizes.map { (log10(weights(architecture, $0)), losses(architecture, $0)) }, shown: exp)
    }
    return Chart(
      title: "Perplexity by size", subtitle: "bands: one standard error to each side",
      stepTitle: "weights, logarithmic",
      marks: scale.sizes.map { size in
        Chart.Mark(
          position: log10(weights(.retnet, size)), label: "\((weights(.retnet, size) / 1e6).fixed(2)) M")
      }, [Chart.Panel("perplexity of the held-out text", share: 1, series)])
  }
}

/// The table of a sweep: a row for each network, a column for each rate.
enum PaperSweepTable {
  static func block(
    _ sweeps: [PaperSweep], _ results: PaperResults, _ rates: PaperRates, of what: String
  ) -> PaperFindings.Block {
    let atTheEnd = sweeps.filter { $0.rates.first == rates[$0.name] || $0.rates.last == rates[$0.name] }.map(\.words)
    let values = sweeps.flatMap(\.rates).reduce(into: [Double]()) { if !$0.contains($1) { $0.append($1) } }
    return .table(
      PaperTable(
        caption: "Learning rates: the loss of \(what) with each. The lowest of a row, in brackets, is used."
          + (atTheEnd.isEmpty
            ? ""
            : " The best rate was the first or the last one that was tried, and another may be better, for: "
              + "\(atTheEnd.joined(separator: "; "))."),
        headings: ["network"] + values.map { "\($0)" },
        rows: sweeps.map { sweep in
          [sweep.words]
            + values.map { rate in
              guard sweep.rates.contains(rate), let loss = results.value(sweep.experiment(rate).name, "loss") else {
                return "–"
              }
              return rates[sweep.name] == rate ? "[\(loss.fixed(3))]" : loss.fixed(3)
            }
        }))
  }
}
