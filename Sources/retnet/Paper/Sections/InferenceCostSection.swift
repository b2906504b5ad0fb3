internal import Reports

/// Speed, latency and memory of decoding (Fig. 6).
struct InferenceCostSection: PaperSection {
  static let name = "inference-cost"
  private let scale: PaperScale
  private static let architectures: [PaperArchitecture] = [.retnet, .transformer]

  init(_ scale: PaperScale) { self.scale = scale }

  private func name(_ architecture: PaperArchitecture, _ depth: Int, batch: Int) -> String {
    "decode-\(architecture.rawValue)-\(depth)-b\(batch)"
  }

  private var cases: [(depth: Int, batch: Int)] {
    scale.depths.map { ($0, 1) } + scale.batches.map { (scale.batchDepth, $0) }
  }

  func experiments(_ rates: PaperRates) -> [PaperExperiment] {
    cases.flatMap { depth, batch in
      Self.architectures.map { architecture in
        // A Transformer reads all tokens before.
        let reading = architecture == .transformer ? Double(depth) * (1 / 4_000 + Double(depth) * 1.5e-8) : 0
        return PaperExperiment(
          name: name(architecture, depth, batch: batch),
          work: .decoding(
            architecture.settings(scale.costSize), depth: depth, batch: batch, tokens: scale.decodedTokens),
          seconds: 2 + reading)
      }
    }
  }

  func findings(_ results: PaperResults, _ rates: PaperRates) -> PaperFindings {
    func value(_ architecture: PaperArchitecture, _ depth: Int, _ batch: Int, _ key: String) -> Double {
      results.value(name(architecture, depth, batch: batch), key) ?? .nan
    }
    func speed(_ architecture: PaperArchitecture, _ depth: Int) -> Double {
      value(architecture, depth, 1, "tokens_per_second")
    }
    let last = scale.depths[scale.depths.count - 1]
    let flat = speed(.retnet, last) / speed(.retnet, 0)
    let ratio = speed(.retnet, last) / speed(.transformer, last)
    func series(_ places: [(x: Double, depth: Int, batch: Int)], _ key: String, _ scaled: Double) -> [Chart.Series] {
      zip(Self.architectures, [ChartStyle.Role.first, .second]).map { architecture, role in
        Chart.Series(
          role, architecture.name,
          line: places.map { ($0.x, scaled * value(architecture, $0.depth, $0.batch, key)) }, hasDots: true)
      }
    }
    let byDepth = scale.depths.enumerated().map { (x: Double($0.offset), depth: $0.element, batch: 1) }
    let byBatch = scale.batches.map { (x: Double($0), depth: scale.batchDepth, batch: $0) }
    return PaperFindings(
      name: Self.name, title: "Inference cost",
      claim:
        "Memory, speed and latency of a RetNet do not depend on the tokens before. At 8,192 of them it decodes 8.4 "
        + "times as fast as a Transformer with a cache, with 70 % less memory (6.7 billion weights, Fig. 6).",
      verdict: flat > 0.9 && ratio > 1 ? .reproduced : .notReproduced,
      sentence:
        "After \(grouped(last)) tokens the RetNet decodes at \((100 * flat).fixed(0)) % of its speed at the start, "
        + "\(ratio.fixed(1)) times as fast as the Transformer. Its state has "
        + "\(megabytes(value(.retnet, last, 1, "state_bytes"))) MB at any length, the key/value cache "
        + "\(megabytes(value(.transformer, last, 1, "state_bytes"))) MB.",
      blocks: [
        .chart(
          "inference-depth",
          Chart(
            title: "Decoding by the tokens before", subtitle: "one sequence, weights and cache in bf16",
            stepTitle: "tokens before", marks: byDepth.map { Chart.Mark(position: $0.x, label: grouped($0.depth)) },
            [
              Chart.Panel(
                "tokens per second", share: 0.5, series(byDepth, "tokens_per_second", 1), startsAtZero: true),
              Chart.Panel("state or cache, MB", share: 0.5, series(byDepth, "state_bytes", 1e-6), startsAtZero: true),
            ])),
        .table(depthTable(value, ratioOf: speed)),
        .chart(
          "inference-batch",
          Chart(
            title: "Decoding by the number of sequences",
            subtitle: "\(grouped(scale.batchDepth)) tokens before each",
            stepTitle: "sequences decoded together",
            marks: byBatch.map { Chart.Mark(position: $0.x, label: "\($0.batch)") },
            [
              Chart.Panel(
                "tokens per second, all sequences", share: 0.5, series(byBatch, "tokens_per_second", 1),
                startsAtZero: true),
              Chart.Panel(
                "latency of a token, ms", share: 0.5, series(byBatch, "token_seconds", 1e3), startsAtZero: true),
            ])),
        .table(batchTable(value)),
        .text(
          "\(whole(value(.retnet, 0, 1, "parameters"))) weights, "
            + "\(megabytes(value(.retnet, 0, 1, "weight_bytes"))) MB. A small network fits a processor's caches in part, "
            + "so its tokens per second say nothing about a large one; the shape of the curves does."),
      ])
  }

  private func megabytes(_ bytes: Double) -> String { (bytes / 1e6).fixed(bytes < 1e7 ? 2 : 0) }

  private typealias Value = (PaperArchitecture, Int, Int, String) -> Double

  private func depthTable(_ value: Value, ratioOf speed: (PaperArchitecture, Int) -> Double) -> PaperTable {
    PaperTable(
      caption: "One sequence.",
      headings: [
        "tokens before", "RetNet, tokens/s", "Transformer, tokens/s", "ratio", "RetNet, ms", "Transformer, ms",
        "state, MB", "cache, MB",
      ],
      rows: scale.depths.map { depth in
        [grouped(depth)] + Self.architectures.map { speed($0, depth).fixed(0) }
          + [(speed(.retnet, depth) / speed(.transformer, depth)).fixed(2)]
          + Self.architectures.map { (1e3 * value($0, depth, 1, "token_seconds")).fixed(2) }
          + Self.architectures.map { megabytes(value($0, depth, 1, "state_bytes")) }
      })
  }

  private func batchTable(_ value: Value) -> PaperTable {
    PaperTable(
      caption: "Several sequences, \(grouped(scale.batchDepth)) tokens before each.",
      headings: [
        "sequences", "RetNet, tokens/s", "Transformer, tokens/s", "ratio", "RetNet, ms", "Transformer, ms",
      ],
      rows: scale.batches.map { batch in
        let speeds = Self.architectures.map { value($0, scale.batchDepth, batch, "tokens_per_second") }
        return ["\(batch)"] + speeds.map { $0.fixed(0) } + [(speeds[0] / speeds[1]).fixed(2)]
          + Self.architectures.map { (1e3 * value($0, scale.batchDepth, batch, "token_seconds")).fixed(2) }
      })
  }
}
