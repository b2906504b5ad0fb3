/// The settings and names of runs on the text.
enum PaperTraining {
  /// A configuration in which everything has its default; settings are put on top of it.
  static let emptyFile = Array("model: {}\n".utf8)
  /// Tokens of a step.
  static let batchTokens = 2_048
  /// The tokens of a training sequence, and of a window of an evaluation.
  static let length = 256

  /// What sets the training of a run: Muon for the matrices, the schedule of the paper otherwise: a warm-up, a linear decay,
  /// β 0.9 and 0.98, gradients clipped at 2. With AdamW a Transformer of this size needs far more tokens than a RetNet.
  ///
  /// - Parameters:
  ///   - rate: The peak learning rate.
  ///   - tokens: The tokens of the run.
  ///   - seed: Of weights and order.
  ///   - length: The tokens of a sequence.
  /// - Returns: As `--set` takes them.
  static func settings(rate: Double, tokens: Int, seed: Int, length: Int = length) -> [String] {
    let batch = max(batchTokens, 2 * length)
    let steps = tokens / batch
    return [
      "steps=\(steps)", "batch_tokens=\(batch)", "micro_batch_tokens=\(batch)", "sequence_length=\(length)",
      "learning_rate=\(rate.rounded(toDigits: 4))", "warmup_steps=\(max(1, steps / 10))", "schedule=linear",
      "optimizer=muon", "weight_decay=0.1", "gradient_clip=2", "beta1=0.9", "beta2=0.98", "evaluate_window=\(length)",
      "seed=\(seed)",
      "keep_checkpoints=1", "log_every=\(max(1, steps / 50))",
    ].map { "training." + $0 }
  }

  /// A run of one of the architectures.
  static func experiment(
    _ architecture: PaperArchitecture, _ size: PaperSize, rate: Double, seed: Int, scale: PaperScale
  ) -> PaperExperiment {
    PaperExperiment(
      name: name(architecture, size, seed: seed),
      work: .training(
        architecture.settings(size) + settings(rate: rate, tokens: scale.tokens, seed: seed), then: .nothing),
      seconds: seconds(size, tokens: scale.tokens))
  }

  static func name(_ architecture: PaperArchitecture, _ size: PaperSize, seed: Int) -> String {
    "\(architecture.rawValue)-\(size.name)-seed\(seed)"
  }

  /// The names of the runs with all seeds.
  static func names(_ architecture: PaperArchitecture, _ size: PaperSize, _ scale: PaperScale) -> [String] {
    (1...scale.seeds).map { name(architecture, size, seed: $0) }
  }

  /// The sweeps of learning rates: with the first size, and with the middle one.
  static func sweeps(_ architecture: PaperArchitecture, _ scale: PaperScale) -> [PaperSweep] {
    [(scale.sizes[0], scale.rates), (scale.middle, scale.middleRates)].filter { !$0.1.isEmpty }.map { size, rates in
      PaperSweep(
        name: sweepName(architecture, size), words: "\(architecture.name), \(size.width) × \(size.layers)", rates: rates
      ) { rate in
        PaperExperiment(
          name: "rate-\(sweepName(architecture, size))-\(rate)",
          work: .training(
            architecture.settings(size) + settings(rate: rate, tokens: scale.tokens, seed: 1), then: .nothing),
          seconds: seconds(size, tokens: scale.tokens))
      }
    }
  }

  private static func sweepName(_ architecture: PaperArchitecture, _ size: PaperSize) -> String {
    "\(architecture.rawValue)-\(size.name)"
  }

  /// The rate of a size: from the middle width on that of the middle size, below it that of the first.
  static func rate(
    _ architecture: PaperArchitecture, _ size: PaperSize, _ scale: PaperScale, _ rates: PaperRates
  ) -> Double {
    let isLarge = !scale.middleRates.isEmpty && size.width >= scale.middle.width
    return rates[sweepName(architecture, isLarge ? scale.middle : scale.sizes[0])]
  }

  /// About the time of a run on two cores.
  static func seconds(_ size: PaperSize, tokens: Int) -> Double {
    Double(tokens) * (4e-6 + 1.3e-11 * Double(12 * size.width * size.width * size.layers + 2_048 * size.width))
  }
}
