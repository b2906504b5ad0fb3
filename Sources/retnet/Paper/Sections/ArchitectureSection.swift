internal import Glibc
internal import Reports

/// Other architectures of the same size (Table 5).
struct ArchitectureSection: PaperSection {
  static let name = "architectures"
  private let scale: PaperScale
  private static let architectures = PaperArchitecture.allCases

  init(_ scale: PaperScale) { self.scale = scale }

  var sweeps: [PaperSweep] { Self.architectures.flatMap { PaperTraining.sweeps($0, scale) } }

  func experiments(_ rates: PaperRates) -> [PaperExperiment] {
    Self.architectures.flatMap { architecture in
      (1...scale.seeds).map { seed in
        PaperTraining.experiment(
          architecture, scale.middle, rate: PaperTraining.rate(architecture, scale.middle, scale, rates), seed: seed,
          scale: scale)
      }
    }
  }

  func findings(_ results: PaperResults, _ rates: PaperRates) -> PaperFindings {
    func losses(_ architecture: PaperArchitecture) -> PaperSample {
      results.sample(PaperTraining.names(architecture, scale.middle, scale), "loss") ?? PaperSample([.nan])
    }
    let gap = PaperDifference(losses(.linear), minus: losses(.retnet))
    func value(_ architecture: PaperArchitecture, _ key: String) -> Double {
      results.value(PaperTraining.name(architecture, scale.middle, seed: 1), key) ?? .nan
    }
    return PaperFindings(
      name: Self.name, title: "Other architectures",
      claim: "At 200 million weights a RetNet has a perplexity of 26.05, a Transformer with linear attention 40.24 "
        + "(Table 5): a difference of \(log(40.24 / 26.05).fixed(3)) nats.",
      verdict: gap.sign == 1 ? .reproduced : gap.sign == -1 ? .notReproduced : .tooSmall,
      sentence: "The loss of linear attention differs from that of the RetNet by \(gap.text(3)) nats, that of the "
        + "Transformer by \(PaperDifference(losses(.transformer), minus: losses(.retnet)).text(3)).",
      blocks: [
        .table(
          PaperTable(
            caption: "Width \(scale.middle.width), \(scale.middle.layers) layers; mean and standard error of "
              + "\(counted(scale.seeds, "seed")).",
            headings: ["network", "weights", "nats", "ppl", "difference from RetNet", "paper, ppl"],
            rows: zip(Self.architectures, ["26.05", "–", "40.24"]).map { architecture, published in
              let sample = losses(architecture)
              return [
                architecture.name, whole(value(architecture, "parameters")), sample.text(3),
                exp(sample.mean).fixed(1),
                architecture == .retnet ? "" : PaperDifference(sample, minus: losses(.retnet)).text(3),
                published,
              ]
            })),
        PaperSweepTable.block(sweeps, results, rates, of: "one seed"),
        .text(
          "The paper's other rows are RWKV (30.92), H3 (29.97) and Hyena (32.08). This program does not have them. "
            + "The paper gives no Transformer here."),
      ] + (PaperFindings.precision(Self.architectures.map(losses), tokens: scale.tokens).map { [.text($0)] } ?? []))
  }
}
