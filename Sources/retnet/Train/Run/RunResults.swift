internal import Corpora
internal import Files
internal import Inference
internal import Modeling
internal import Tensors
internal import Tokenization
internal import Training

/// Writes a run's results, the models `best` and `last`, or with `state_tuning` the states.
struct RunResults {
  private let plan: TrainingPlan
  private let folder: RunFolder
  private let trainer: Trainer
  private let pool: WorkerPool
  /// The digest of the best evaluation's file. Nil if there was none, or if the checkpoint is older than these digests.
  private(set) var bestDigest: String?

  /// - Parameters:
  ///   - plan: The plan of the run.
  ///   - folder: The run folder.
  ///   - trainer: Holds the weights.
  ///   - bestDigest: The digest stored in the checkpoint.
  ///   - pool: The trainer's worker pool.
  init(_ plan: TrainingPlan, _ folder: RunFolder, of trainer: Trainer, bestDigest: String?, on pool: WorkerPool) {
    self.plan = plan
    self.folder = folder
    self.trainer = trainer
    self.bestDigest = bestDigest
    self.pool = pool
  }

  private var isState: Bool { trainer.initialState != nil }

  /// The path of `best` or `last`.
  func path(_ name: String) -> String { folder.file(name + (isState ? ".state.safetensors" : ".safetensors")) }

  /// Writes the model of the best evaluation.
  mutating func saveBest(_ progress: TrainingProgress) throws { bestDigest = try save("best", progress) }

  /// Writes the model that was evaluated at a stop before the first regular evaluation. It does not count as the run's
  /// best: the first evaluation replaces it, and so does a later stop.
  ///
  /// - Returns: The path of the file.
  func saveBestOfStop(_ progress: TrainingProgress) throws -> String {
    try save("best", progress, isOfStop: true)
    return path("best")
  }

  /// Whether a stop should write the best file because there is none; removes the one of an earlier stop.
  func makeRoomForBestOfStop() throws -> Bool {
    let path = path("best")
    guard fileExists(path: path) else { return true }
    guard isBestOfStop else { return false }
    try removeFile(path: path)
    return true
  }

  private var isBestOfStop: Bool {
    let path = path("best")
    return isState
      ? (try? StateFile(path: path))?.isOfStop ?? false
      : (try? ModelHeader(path: path))?.provenance.isOfStop ?? false
  }

  /// Writes the model of the last step.
  ///
  /// - Returns: The path of the file.
  func saveLast(_ progress: TrainingProgress) throws -> String {
    try save("last", progress)
    return path("last")
  }

  /// Writes the model with the averaged weights of the last step, if there are any.
  ///
  /// - Returns: The path of the file.
  func saveAverage(_ progress: TrainingProgress) throws -> String? {
    guard trainer.hasAverage else { return nil }
    try trainer.withAveragedWeights { _ = try save("ema", progress) }
    return path("ema")
  }

  /// Whether the file of the best evaluation exists and belongs to the run. After a kill or a rewind, it may be from a
  /// step that is no longer part of the run.
  func hasBest(of progress: TrainingProgress) -> Bool {
    let found = fileExists(path: path("best")) ? try? digest("best") : nil
    guard progress.bestBitsPerByte != nil else { return found == nil }
    return bestDigest == nil || found == bestDigest
  }

  /// Restores the best file if a step that is no longer part of the run has overwritten it. It comes from the
  /// checkpoint of the best step, if that still exists; otherwise the file is removed.
  ///
  /// Afterwards the trainer may hold the weights of that checkpoint.
  ///
  /// - Parameters:
  ///   - progress: The current progress of the run.
  ///   - isAtEnd: Whether the run is at its end, where a file written at a stop has served its purpose.
  /// - Returns: A message about what was done; nil if nothing was.
  /// - Throws: Errors of reading or writing files.
  func putBackBest(_ progress: TrainingProgress, isAtEnd: Bool) throws -> String? {
    guard !hasBest(of: progress) else { return nil }
    let path = path("best")
    if bestDigest != nil, let (model, file) = try? folder.checkpoints.open(step: progress.bestStep) {
      try file.restore(trainer, model: model)
      // After a rewind the step may have been repeated.
      if try save("best", file.state.progress) == bestDigest {
        return
          "note: \(path): damaged, or of a step that is no longer part of the run; restored from step \(progress.bestStep)"
      }
    }
    guard fileExists(path: path) else { return nil }
    let isOfStop = isBestOfStop
    if isOfStop && !isAtEnd { return nil }
    try removeFile(path: path)
    return isOfStop ? nil : "note: \(path): damaged, or of a step that is no longer part of the run; removed"
  }

  @discardableResult
  private func save(_ name: String, _ progress: TrainingProgress, isOfStop: Bool = false) throws -> String {
    let path = path(name)
    guard let initial = trainer.initialState else {
      var provenance = plan.provenance(progress)
      if isOfStop { provenance.isOfStop = true }
      return try trainer.network.write(to: path, provenance: provenance, tokenizer: plan.tokenizer.model).description
    }
    // The state belongs to the model that the run started from: its weights are unchanged.
    guard let model = plan.initial.flatMap({ SHA256Digest(hex: $0.digest) }) else {
      preconditionFailure("save: a state is trained without a model")
    }
    var state = SavedState(
      progress: initial.readingProgress(plan.model, on: pool), random: 0, modelDigest: model,
      tokenizerDigest: SHA256Digest(of: plan.tokenizer.model))
    state.isOfStop = isOfStop
    try state.write(to: path, format: .float32)
    return try digest(name)
  }

  /// The digest of a result, computed from its content. A damaged file does not match the stored digest, which is an
  /// error.
  private func digest(_ name: String) throws -> String {
    isState
      ? SHA256Digest(of: try MappedFile(path: path(name))).description
      : try ModelHeader(path: path(name)).checkDigest().description
  }
}

extension TrainingPlan {
  /// The provenance to store in a model of the run.
  func provenance(_ progress: TrainingProgress) -> Provenance {
    Provenance(
      seed: UInt64(training.seed), steps: progress.step, tokensSeen: progress.batch * training.batchTokens,
      dataDigest: dataDigests["train"] ?? "", toolVersion: "retnet \(Version.number)",
      parent: initial?.digest, family: initial?.family, chatTemplate: chatTemplate?.roles)
  }
}
