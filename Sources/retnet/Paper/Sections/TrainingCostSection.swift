internal import Reports

/// Speed and memory of training by sequence length (Table 4).
struct TrainingCostSection: PaperSection {
  static let name = "training-cost"
  private let scale: PaperScale
  private static let architectures: [PaperArchitecture] = [.retnet, .transformer]

  init(_ scale: PaperScale) { self.scale = scale }

  private func name(_ architecture: PaperArchitecture, _ length: Int) -> String {
    "speed-\(architecture.rawValue)-\(length)"
  }

  func experiments(_ rates: PaperRates) -> [PaperExperiment] {
    scale.lengths.flatMap { length in
      Self.architectures.map { architecture in
        PaperExperiment(
          name: name(architecture, length),
          work: .trainingSpeed(
            architecture.settings(scale.costSize), length: length, repetitions: scale.costRepetitions),
          seconds: Double(PaperMeasurement.batchTokens(length) * (2 + scale.costRepetitions)) / 4_000)
      }
    }
  }

  func findings(_ results: PaperResults, _ rates: PaperRates) -> PaperFindings {
    func value(_ architecture: PaperArchitecture, _ length: Int, _ key: String) -> Double {
      results.value(name(architecture, length), key) ?? .nan
    }
    let (first, last) = (scale.lengths[0], scale.lengths[scale.lengths.count - 1])
    func ratio(_ length: Int) -> Double {
      value(.retnet, length, "tokens_per_second") / value(.transformer, length, "tokens_per_second")
    }
    func kept(_ architecture: PaperArchitecture) -> String {
      let share = value(architecture, last, "tokens_per_second") / value(architecture, first, "tokens_per_second")
      return "\((100 * share).fixed(0)) %"
    }
    func series(_ key: String, _ scaled: Double) -> [Chart.Series] {
      zip(Self.architectures, [ChartStyle.Role.first, .second]).map { architecture, role in
        Chart.Series(
          role, architecture.name, line: scale.lengths.map { (Double($0), scaled * value(architecture, $0, key)) },
          hasDots: true)
      }
    }
    let memory = value(.retnet, last, "memory_bytes") / value(.transformer, last, "memory_bytes")
    return PaperFindings(
      name: Self.name, title: "Training cost",
      claim:
        "At 8,192 tokens a RetNet of 1.3 billion weights trains 6.8 times as fast as a Transformer and 1.15 times as "
        + "fast as one with FlashAttention, with less memory than either (Table 4).",
      verdict: ratio(last) > 1.02
        ? (memory < 1 ? .reproduced : .partly) : ratio(last) < 0.98 ? .notReproduced : .tooSmall,
      sentence: "At \(grouped(last)) tokens the RetNet trains \(ratio(last).fixed(2)) times as fast as the Transformer "
        + "of the same program. From \(grouped(first)) to \(grouped(last)) tokens it keeps \(kept(.retnet)) of its speed, "
        + "the Transformer \(kept(.transformer)). It takes \(memory.fixed(2)) times the memory.",
      blocks: [
        .chart(
          Self.name,
          Chart(
            title: "Training by sequence length",
            subtitle: "tokens per second, and memory above that of the idle program",
            stepTitle: "tokens of a sequence", lastStep: last, scale: .logarithmic(from: first),
            [
              Chart.Panel("tokens per second", share: 0.5, series("tokens_per_second", 1), startsAtZero: true),
              Chart.Panel("peak memory, MB", share: 0.5, series("memory_bytes", 1e-6), startsAtZero: true),
            ])),
        .table(
          PaperTable(
            caption: "\(whole(value(.retnet, first, "parameters"))) weights; a step has one sequence, or as many as "
              + "make 4,096 tokens. The median of \(scale.costRepetitions) steps.",
            headings: [
              "tokens", "RetNet, tokens/s", "Transformer, tokens/s", "ratio", "RetNet, MB", "Transformer, MB",
            ],
            rows: scale.lengths.map { length in
              [grouped(length)]
                + Self.architectures.map { whole(value($0, length, "tokens_per_second")) }
                + [ratio(length).fixed(2)]
                + Self.architectures.map { (value($0, length, "memory_bytes") / 1e6).fixed(0) }
            })),
        .table(Self.published),
        .text(
          "The attention here computes scores in blocks and never keeps all of them, as FlashAttention does. So its speed "
            + "and memory are to be compared with the paper's columns of FlashAttention."),
      ])
  }

  private static let published = PaperTable(
    caption: "The paper at 8,192 tokens, 8 A100 of 80 GB: words per second and GB (Table 4).",
    headings: [
      "weights", "RetNet", "FlashAttention", "Transformer", "RetNet, GB", "FlashAttention, GB", "Transformer, GB",
    ],
    rows: [
      ["1.3 B", "73,345", "63,965", "10,832", "34.5", "38.8", "74.8"],
      ["2.7 B", "38,921", "34,990", "5,186", "42.0", "42.1", "69.6"],
      ["6.7 B", "17,459", "16,230", "2,754", "48.0", "51.4", "69.0"],
      ["13 B", "8,642", "7,945", "1,209", "45.9", "46.3", "61.4"],
    ])
}
