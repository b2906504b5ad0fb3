internal import Files
internal import Inference
internal import Modeling
internal import Tensors
internal import Tokenization
internal import Training

/// What a run leaves beside its checkpoints: the models `best` and `last`, or with `state_tuning` the states.
struct RunResults {
  private let plan: TrainingPlan
  private let folder: RunFolder
  private let trainer: Trainer
  private let pool: WorkerPool
  /// Of the file of the best evaluation; nil: there was none, or the checkpoint is from before digests were kept.
  private(set) var bestDigest: String?

  /// - Parameters:
  ///   - plan: Of the run.
  ///   - folder: Where the files go.
  ///   - trainer: With the weights.
  ///   - bestDigest: As the checkpoint has it.
  ///   - pool: That of the trainer.
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

  /// Writes what the best evaluation has scored.
  mutating func saveBest(_ progress: TrainingProgress) throws { bestDigest = try save("best", progress) }

  /// Writes what a stop has scored before the first evaluation. The run does not take it for its best: the first
  /// evaluation replaces it, and so does a later stop.
  ///
  /// - Returns: Its path.
  func saveBestOfStop(_ progress: TrainingProgress) throws -> String {
    try save("best", progress, isOfStop: true)
    return path("best")
  }

  /// Whether a stop is to make the best file, as there is none; one of an earlier stop is removed first.
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

  /// Writes what the last step has made.
  ///
  /// - Returns: Its path.
  func saveLast(_ progress: TrainingProgress) throws -> String {
    try save("last", progress)
    return path("last")
  }

  /// Whether the file of the best evaluation is there: a kill, or going back, may leave that of a step that the run does
  /// not know.
  func hasBest(of progress: TrainingProgress) -> Bool {
    let found = fileExists(path: path("best")) ? try? digest("best") : nil
    guard progress.bestBitsPerByte != nil else { return found == nil }
    return bestDigest == nil || found == bestDigest
  }

  /// Puts the best file back to what the run knows, where steps that are no longer part of it have left another: from the
  /// checkpoint of that step if it is still there; otherwise the file is removed.
  ///
  /// Afterwards the trainer may hold that checkpoint.
  ///
  /// - Parameters:
  ///   - progress: Where the run stands.
  ///   - isAtEnd: Whether a file that a stop has made has had its time.
  /// - Returns: What was done, in a line; nil: nothing.
  /// - Throws: What is wrong with the disk.
  func putBackBest(_ progress: TrainingProgress, isAtEnd: Bool) throws -> String? {
    guard !hasBest(of: progress) else { return nil }
    let path = path("best")
    if bestDigest != nil, let (model, file) = try? folder.checkpoints.open(step: progress.bestStep) {
      try file.restore(trainer, model: model)
      // After a rewind the step may have been made again.
      if try save("best", file.state.progress) == bestDigest {
        return
          "note: \(path): was damaged, or of a step that is no longer part of the run; that of step \(progress.bestStep) again"
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
    // The state of the model that the run began with: its weights are as they were.
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

  /// What a model says of itself, or the digest of a state's bytes.
  /// The digest of a result, computed: that of a damaged one is not the stored one, which is an error.
  private func digest(_ name: String) throws -> String {
    isState
      ? SHA256Digest(of: try MappedFile(path: path(name))).description
      : try ModelHeader(path: path(name)).checkDigest().description
  }
}

extension TrainingPlan {
  /// Where a model of the run comes from.
  func provenance(_ progress: TrainingProgress) -> Provenance {
    Provenance(
      seed: UInt64(training.seed), steps: progress.step, tokensSeen: progress.batch * training.batchTokens,
      dataDigest: dataDigests["train"] ?? "", toolVersion: "retnet \(Version.number)",
      parent: initial?.digest, family: initial?.family)
  }
}
