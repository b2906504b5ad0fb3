internal import Inference
internal import Modeling
internal import Tensors
internal import Tokenization
internal import Training

/// Continues a fixed prompt with the model in training. The same weights give the same text, on any number of threads.
struct TrainingSample {
  private let trainer: Trainer
  private let promptIDs: [Int32]
  private let configuration: TrainingConfiguration
  private let rules: TextRules
  private let pool: WorkerPool

  /// - Throws: `CommandError` for an empty prompt if the model has no BOS; `TokenizerError`.
  init(_ plan: TrainingPlan, of trainer: Trainer, on pool: WorkerPool) throws {
    configuration = plan.training
    self.trainer = trainer
    self.pool = pool
    var options = SamplingOptions()
    options.forbidIDs(withoutPieceIn: plan.tokenizer, of: plan.model)
    rules = TextRules(
      tokenizer: plan.tokenizer, eosID: plan.model.eosID.map { Int32($0) }, options: options,
      count: configuration.sampleTokens)
    let ids = try plan.tokenizer.encode(Array(configuration.samplePrompt.utf8), source: "training.sample_prompt")
    promptIDs = (plan.model.startingBOS.map { [$0] } ?? []) + ids
    if promptIDs.isEmpty, configuration.sampleEvery > 0 {
      throw CommandError(
        .badConfiguration, "training.sample_prompt: expected a text, as the model has no BOS to start from, found none")
    }
  }

  /// Whether a step is followed by a sample.
  func isDue(after step: Int) -> Bool { configuration.sampleEvery > 0 && step % configuration.sampleEvery == 0 }

  /// A generator that has read nothing; with `state_tuning` it starts from the trained state.
  private func makeGenerator() -> Generator {
    let model = trainer.network.configuration
    guard let initial = trainer.initialState else {
      return Generator(trainer.network, chunkLength: PromptChunkLength.length(model), on: pool)
    }
    return Generator(trainer.network, initial.readingProgress(model, on: pool), on: pool)
  }

  /// The prompt and its continuation, sampled with the defaults of `retnet generate` and the seed of the run.
  func text() -> String {
    var generator = makeGenerator()
    let maker = TextMaker(
      rules, seed: UInt64(configuration.seed), recent: [], isTextStart: configuration.samplePrompt.isEmpty)
    generator.read(promptIDs)
    var text = ""
    // The guards of the run report numbers that are not finite.
    _ = try? TextBatch.makeText(&generator, maker, readsLast: false, on: pool) { text += $0 }
    return configuration.samplePrompt + text
  }
}
