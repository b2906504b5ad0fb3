internal import Reports

/// Multi-query associative recall by the size of the state. It is not in the paper, and here a RetNet must lose: a state of
/// constant size cannot hold any number of pairs.
struct RecallSection: PaperSection {
  static let name = "recall"
  private let scale: PaperScale

  /// A network of two layers.
  private struct Network {
    let name: String
    let words: String
    /// The sweep whose rate it takes.
    let sweep: String
    let width: Int
    let layers: [String]
    let role: ChartStyle.Role
  }

  private static let networks = [
    Network(
      name: "transformer", words: "Transformer", sweep: "recall-transformer", width: 64, layers: ["attention"],
      role: .second),
    Network(
      name: "hybrid", words: "RetNet, one layer of attention", sweep: "recall-hybrid", width: 64,
      layers: ["retention", "attention"], role: .mark),
    Network(
      name: "retnet-128", words: "RetNet, width 128", sweep: "recall-retnet", width: 128, layers: ["retention"],
      role: .first),
    Network(
      name: "retnet-64", words: "RetNet, width 64", sweep: "recall-retnet", width: 64, layers: ["retention"],
      role: .first),
    Network(
      name: "retnet-32", words: "RetNet, width 32", sweep: "recall-retnet", width: 32, layers: ["retention"],
      role: .first),
    Network(
      name: "linear", words: "linear attention", sweep: "recall-linear", width: 64, layers: ["linear_attention"],
      role: .third),
  ]

  init(_ scale: PaperScale) { self.scale = scale }

  /// Muon finds the solution in a few hundred steps. With AdamW a Transformer has not found it after 1,200 (1e-3 to 1e-2).
  private func settings(_ network: Network, rate: Double, seed: Int) -> [String] {
    let steps = scale.recallSteps
    return [
      "model.width=\(network.width)", "model.layers=2", "model.heads=2",
      "model.layer_types=\(network.layers.joined(separator: ","))", "model.tied_head=true",
      "model.zero_init_output=true", "model.bos=none", "training.steps=\(steps)", "training.batch_tokens=4096",
      "training.micro_batch_tokens=4096", "training.sequence_length=1024",
      "training.learning_rate=\(rate.rounded(toDigits: 4))", "training.warmup_steps=\(steps / 10)",
      "training.schedule=linear", "training.optimizer=muon", "training.weight_decay=0.1", "training.seed=\(seed)",
      "training.keep_checkpoints=1",
    ]
  }

  private func experiment(_ network: Network, _ name: String, rate: Double, seed: Int) -> PaperExperiment {
    PaperExperiment(
      name: name, work: .training(settings(network, rate: rate, seed: seed), then: .recall(RecallData.pairs)),
      seconds: Double(scale.recallSteps) * 0.013 * (1 + Double(network.width) / 64))
  }

  private func name(_ network: Network, seed: Int) -> String { "recall-\(network.name)-seed\(seed)" }

  var sweeps: [PaperSweep] {
    Self.networks.filter { $0.width == 64 }.map { network in
      PaperSweep(
        name: network.sweep, words: network.words, rates: scale.recallRates
      ) { rate in experiment(network, "recall-rate-\(network.name)-\(rate)", rate: rate, seed: 1) }
    }
  }

  func experiments(_ rates: PaperRates) -> [PaperExperiment] {
    Self.networks.flatMap { network in
      (1...scale.recallSeeds).map { seed in
        experiment(network, name(network, seed: seed), rate: rates[network.sweep], seed: seed)
      }
    }
  }

  func findings(_ results: PaperResults, _ rates: PaperRates) -> PaperFindings {
    func recall(_ network: Network, _ pairs: Int) -> PaperSample {
      let names = (1...scale.recallSeeds).map { name(network, seed: $0) }
      return (results.sample(names, "recall_\(pairs)") ?? PaperSample([.nan])).map { 100 * $0 }
    }
    let (few, many) = (RecallData.pairs[0], RecallData.pairs[RecallData.pairs.count - 1])
    let retnet = Self.networks.filter { $0.name.hasPrefix("retnet") }
    return PaperFindings(
      name: Self.name, title: "Recall",
      claim:
        "The paper does not measure this. A cache holds every token; a state of constant size cannot hold any number of "
        + "pairs.",
      verdict: .own,
      sentence:
        "With \(many) pairs the Transformer finds \(recall(Self.networks[0], many).mean.fixed(0)) % of the values, a "
        + "RetNet with one layer of attention \(recall(Self.networks[1], many).mean.fixed(0)) %, and RetNets of width 128, 64 "
        + "and 32 \(retnet.map { recall($0, many).mean.fixed(0) }.joined(separator: ", ")) %. With \(few) pairs these RetNets "
        + "find \(retnet.map { recall($0, few).mean.fixed(0) }.joined(separator: ", ")) %.",
      blocks: [
        .chart(
          Self.name,
          Chart(
            title: "Recall by the number of pairs",
            subtitle: "share of the asked values that are the most likely token",
            stepTitle: "pairs in the sequence", lastStep: many, scale: .logarithmic(from: few),
            [
              Chart.Panel(
                "right, %", share: 1,
                Self.networks.map { network in
                  Chart.Series(
                    network.role, network.words.replacing("RetNet, one layer of attention", with: "hybrid"),
                    samples: RecallData.pairs.map { (Double($0), recall(network, $0)) })
                }, startsAtZero: true)
            ])),
        .table(
          PaperTable(
            caption: "Two layers, two heads, \(grouped(scale.recallSteps)) steps of 4,096 tokens; "
              + "\(counted(scale.recallSeeds, "seed")). State: the numbers that are kept of the \(4 * many) tokens of the "
              + "longest sequence.",
            headings: ["network", "weights", "state"] + RecallData.pairs.map { "\($0) pairs, %" },
            rows: Self.networks.map { network in
              [
                network.words,
                whole(results.value(name(network, seed: 1), "parameters")),
                whole(results.value(name(network, seed: 1), "state_numbers")),
              ] + RecallData.pairs.map { recall(network, $0).text(1) }
            })),
        PaperSweepTable.block(sweeps, results, rates, of: "sequences of \(RecallData.middle) pairs"),
        .text(
          "A sequence has n pairs of a key and a value, then the n keys again, each with its value, which alone is scored "
            + "(a loss mask). Keys and values are 64 symbols each; guessing is right in 1.6 %. Networks of recurrent layers "
            + "learn this in a narrow range of learning rates, so each type has a sweep of its own; RetNets of all "
            + "widths take the rate of one. Size alone does not explain what they miss: they also have to learn to write into "
            + "their state and to read from it. One in \(1_024 / (4 * many)) to one in \(1_024 / (4 * few)) of the training "
            + "sequences is cut, and begins inside."),
      ])
  }
}
