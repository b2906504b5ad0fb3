internal import Glibc
internal import Reports

/// A RetNet without one of its parts (Table 6).
struct AblationSection: PaperSection {
  static let name = "ablations"
  private let scale: PaperScale

  /// A change of the network, with the paper's perplexity.
  private struct Ablation {
    let name: String
    let words: String
    let settings: [String]
    let published: Double
  }

  private let ablations: [Ablation]
  private static let publishedWhole = 26.05

  init(_ scale: PaperScale) {
    self.scale = scale
    ablations = [
      Ablation(name: "no-gate", words: "no swish gate", settings: ["model.gate=false"], published: 27.84),
      Ablation(name: "no-norm", words: "no norm of heads", settings: ["model.head_norm=none"], published: 27.54),
      Ablation(name: "no-decay", words: "no decay (γ = 1)", settings: ["model.decay=none"], published: 27.86),
      Ablation(
        name: "one-decay", words: "one decay (γ = 127/128)", settings: ["model.decay=single"], published: 27.02),
      // Powers of two would give 24 heads decays up to 1 - 2^-28.
      Ablation(
        name: "small-heads", words: "heads of a quarter of the width",
        settings: ["model.heads=\(4 * scale.middle.heads)", "model.decay=linspace"], published: 27.68),
    ]
  }

  var sweeps: [PaperSweep] { PaperTraining.sweeps(.retnet, scale) }

  private func name(_ ablation: Ablation, seed: Int) -> String {
    "retnet-\(ablation.name)-\(scale.middle.name)-seed\(seed)"
  }

  private func rate(_ rates: PaperRates) -> Double {
    PaperTraining.rate(.retnet, scale.middle, scale, rates)
  }

  func experiments(_ rates: PaperRates) -> [PaperExperiment] {
    let whole = (1...scale.seeds).map {
      PaperTraining.experiment(.retnet, scale.middle, rate: rate(rates), seed: $0, scale: scale)
    }
    return whole
      + ablations.flatMap { ablation in
        (1...scale.seeds).map { seed in
          PaperExperiment(
            name: name(ablation, seed: seed),
            work: .training(
              PaperArchitecture.retnet.settings(scale.middle) + ablation.settings
                + PaperTraining.settings(rate: rate(rates), tokens: scale.tokens, seed: seed), then: .nothing),
            seconds: PaperTraining.seconds(scale.middle, tokens: scale.tokens))
        }
      }
  }

  func findings(_ results: PaperResults, _ rates: PaperRates) -> PaperFindings {
    let names = PaperTraining.names(.retnet, scale.middle, scale)
    let whole = results.sample(names, "loss") ?? PaperSample([.nan])
    let found = ablations.map { ablation in
      results.sample((1...scale.seeds).map { name(ablation, seed: $0) }, "loss") ?? PaperSample([.nan])
    }
    let differences = found.map { PaperDifference($0, minus: whole) }
    func verdict(_ difference: PaperDifference) -> PaperFindings.Verdict {
      switch difference.sign {
      case 1: .reproduced
      case -1: .notReproduced
      default: .tooSmall
      }
    }
    let verdicts = differences.map(verdict)
    func words(_ verdict: PaperFindings.Verdict) -> String {
      let these = zip(ablations, verdicts).filter { $0.1 == verdict }.map(\.0.words)
      return these.isEmpty ? "none" : these.joined(separator: ", ")
    }
    let marks = [(0.0, "all parts")] + ablations.enumerated().map { (Double($0.offset + 1), $0.element.name) }
    return PaperFindings(
      name: Self.name, title: "Ablations",
      claim:
        "Each part of a RetNet lowers the perplexity: without it, that of a network of 200 million weights rises from "
        + "26.05 to between 27.02 and 27.86 (Table 6).",
      verdict: verdicts.allSatisfy { $0 == .reproduced }
        ? .reproduced
        : verdicts.contains(.reproduced) ? .partly : verdicts.contains(.notReproduced) ? .notReproduced : .tooSmall,
      sentence: "The loss is higher with: \(words(.reproduced)). It is lower with: \(words(.notReproduced)). "
        + "Too close to tell: \(words(.tooSmall)).",
      blocks: [
        .chart(
          Self.name,
          Chart(
            title: "The loss without a part", subtitle: "bands: one standard error to each side",
            stepTitle: "what is left out", marks: marks.map { Chart.Mark(position: $0.0, label: $0.1) },
            [
              Chart.Panel(
                "loss of the held-out text, nats per token", share: 1,
                [
                  Chart.Series(.first, "all parts", samples: marks.map { ($0.0, whole) }, hasDots: false),
                  Chart.Series(
                    .second, "without",
                    line: found.enumerated().map { (Double($0.offset + 1), $0.element.mean) }, hasDots: true,
                    hasLine: false),
                ])
            ])),
        .table(
          PaperTable(
            caption: "Width \(scale.middle.width), \(scale.middle.layers) layers; mean and standard error of "
              + "\(counted(scale.seeds, "seed")). The paper's perplexities are of 200 million weights.",
            headings: ["network", "nats", "difference", "ppl", "paper, ppl", "paper, nats", "verdict"],
            rows: [
              ["all parts", whole.text(3), "", exp(whole.mean).fixed(1), "\(Self.publishedWhole.fixed(2))", "", ""]
            ]
              + zip(zip(ablations, found), zip(differences, verdicts)).map { first, second in
                let (ablation, sample) = first
                let rise = log(ablation.published / Self.publishedWhole)
                return [
                  ablation.words, sample.text(3), second.0.text(3), exp(sample.mean).fixed(1),
                  ablation.published.fixed(2), "+\(rise.fixed(3))", second.1.rawValue,
                ]
              })),
        .text(
          "Learning rates are those of the whole network. Small heads have decays from 1 - 1/32 to 1 - 1/512, as the "
            + "authors' program spreads them; the others 1 - 2^-5, 1 - 2^-6 and so on."),
      ] + (PaperFindings.precision([whole] + found, tokens: scale.tokens).map { [.text($0)] } ?? []))
  }
}
