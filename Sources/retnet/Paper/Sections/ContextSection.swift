internal import Glibc
internal import Reports

/// The perplexity of the last 128 tokens by the tokens before them (Table 8).
struct ContextSection: PaperSection {
  static let name = "context"
  private let scale: PaperScale
  private static let architectures: [PaperArchitecture] = [.retnet, .transformer]

  init(_ scale: PaperScale) { self.scale = scale }

  private var longest: Int { scale.contexts[scale.contexts.count - 1] }

  var sweeps: [PaperSweep] { Self.architectures.flatMap { PaperTraining.sweeps($0, scale) } }

  private func name(_ architecture: PaperArchitecture, seed: Int) -> String {
    "long-\(architecture.rawValue)-\(scale.middle.name)-seed\(seed)"
  }

  func experiments(_ rates: PaperRates) -> [PaperExperiment] {
    Self.architectures.flatMap { architecture in
      (1...scale.seeds).map { seed in
        let rate = PaperTraining.rate(architecture, scale.middle, scale, rates)
        let training = PaperTraining.settings(rate: rate, tokens: scale.tokens, seed: seed, length: longest)
        return PaperExperiment(
          name: name(architecture, seed: seed),
          work: .training(
            architecture.settings(scale.middle) + training,
            then: .contexts(scale.contexts, places: scale.contextPlaces)),
          seconds: PaperTraining.seconds(scale.middle, tokens: scale.tokens) * 1.3
            + Double(scale.contextPlaces * scale.contexts.reduce(0, +)) / 30_000)
      }
    }
  }

  func findings(_ results: PaperResults, _ rates: PaperRates) -> PaperFindings {
    func losses(_ architecture: PaperArchitecture, _ context: Int) -> PaperSample {
      results.sample((1...scale.seeds).map { name(architecture, seed: $0) }, "loss_\(context)") ?? PaperSample([.nan])
    }
    let gains = Self.architectures.map {
      PaperDifference(losses($0, longest), minus: losses($0, scale.contexts[0]))
    }
    let last = PaperDifference(losses(.retnet, longest), minus: losses(.transformer, longest))
    let series = zip(Self.architectures, [ChartStyle.Role.first, .second]).map { architecture, role in
      Chart.Series(
        role, architecture.name, samples: scale.contexts.map { (Double($0), losses(architecture, $0)) }, shown: exp)
    }
    let areBetter = gains.map(\.sign) == [-1, -1]
    let isWorse = gains.contains { $0.sign == 1 } || last.sign == 1
    return PaperFindings(
      name: Self.name, title: "Context",
      claim:
        "The perplexity of the last 128 tokens falls with the tokens before them, and the RetNet's is lower at each "
        + "length (Table 8).",
      verdict: isWorse
        ? .notReproduced
        : areBetter && last.sign == -1 ? .reproduced : areBetter || last.sign == -1 ? .partly : .tooSmall,
      sentence:
        "From \(scale.contexts[0]) to \(grouped(longest)) tokens before, the loss changes by \(gains[0].text(3)) nats "
        + "for the RetNet and \(gains[1].text(3)) for the Transformer. With \(grouped(longest)) the RetNet's loss minus "
        + "the Transformer's is \(last.text(3)).",
      blocks: [
        .chart(
          Self.name,
          Chart(
            title: "Perplexity by context", subtitle: "bands: one standard error to each side",
            stepTitle: "tokens before the 128 that are scored", lastStep: longest,
            scale: .logarithmic(from: scale.contexts[0]),
            [Chart.Panel("perplexity of the last 128 tokens", share: 1, series)])),
        .table(
          PaperTable(
            caption:
              "The same \(scale.contextPlaces * PaperQuestions.scored) tokens of the held-out text with each context; "
              + "networks trained on sequences of \(grouped(longest)) tokens; \(counted(scale.seeds, "seed")).",
            headings: [
              "tokens before", "RetNet, nats", "Transformer, nats", "RetNet, ppl", "Transformer, ppl", "difference",
            ],
            rows: scale.contexts.map { context in
              [grouped(context)] + Self.architectures.map { losses($0, context).text(3) }
                + Self.architectures.map { exp(losses($0, context).mean).fixed(1) }
                + [PaperDifference(losses(.retnet, context), minus: losses(.transformer, context)).text(3)]
            })),
        .table(
          PaperTable(
            caption: "The paper (Table 8): perplexity of the last 128 tokens of 2,048.",
            headings: ["tokens", "RetNet", "Transformer"],
            rows: [["512", "13.09", "13.55"], ["1,024", "12.14", "12.56"], ["2,048", "11.98", "12.35"]])),
        .text(
          "The errors are over seeds. All contexts score the same tokens, so the choice of these moves both curves together."
        ),
      ]
        + (PaperFindings.precision(
          scale.contexts.flatMap { context in Self.architectures.map { losses($0, context) } }, tokens: scale.tokens
        ).map { [.text($0)] } ?? []))
  }
}
