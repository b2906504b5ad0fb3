internal import Checkpoints
internal import Files
package import Modeling

/// The checkpoints of a run: for each step a model file and, on disk after it, its training state.
///
/// A step exists when both files do. `step-00001000.safetensors` is a model like any other.
package struct CheckpointFolder: Sendable {
  package let path: String

  /// - Parameter path: The folder exists.
  package init(path: String) { self.path = path }

  private static let stateSuffix = ".training-state.safetensors"
  private static let modelSuffix = ".safetensors"

  package func modelPath(step: Int) -> String { path + "/" + Self.name(step) + Self.modelSuffix }

  package func statePath(step: Int) -> String { path + "/" + Self.name(step) + Self.stateSuffix }

  private static func name(_ step: Int) -> String {
    let digits = "\(step)"
    return "step-" + String(repeating: "0", count: max(0, 8 - digits.count)) + digits
  }

  /// The step that a file of a checkpoint is of: `…/step-00001000.safetensors`, its training state, or the bare name.
  package static func step(ofPath path: String) -> Int? {
    let file = path.split(separator: "/").last ?? ""
    guard file.hasPrefix("step-") else { return nil }
    let digits = file.dropFirst(5).prefix { $0.isASCII && $0.isNumber }
    let isKnown = ["", modelSuffix, stateSuffix].contains(String(file.dropFirst(5 + digits.count)))
    return isKnown ? Int(digits) : nil
  }

  /// The steps of which both files are there, ascending.
  package func steps() throws -> [Int] {
    let names = try namesInFolder(path: path)
    let states = names.filter { $0.hasSuffix(Self.stateSuffix) }.compactMap { Self.step(ofPath: $0) }
    return Set(states).filter { names.contains(Self.name($0) + Self.modelSuffix) }.sorted()
  }

  /// The steps of which a file at least is there, ascending: a process that is killed may leave one.
  private func begunSteps() throws -> [Int] {
    Set(try namesInFolder(path: path).compactMap { Self.step(ofPath: $0) }).sorted()
  }

  /// Writes a checkpoint: the model first, then the training state that names its digest.
  ///
  /// - Parameters:
  ///   - state: Of the step.
  ///   - trainer: With weights and moments.
  ///   - provenance: Of the model.
  ///   - tokenizer: The `.model` bytes.
  /// - Throws: `CheckpointError`; the checkpoints that were there are untouched then.
  package func save(_ state: TrainingState, of trainer: Trainer, provenance: Provenance, tokenizer: [UInt8]) throws {
    let step = state.progress.step
    let digest = try trainer.network.write(
      to: modelPath(step: step), provenance: provenance, tokenizer: tokenizer)
    try TrainingStateFile.write(state, of: trainer, modelDigest: digest, to: statePath(step: step))
  }

  /// Opens a checkpoint and checks every byte of weights, moments and metadata.
  ///
  /// - Parameter step: One of `steps`.
  /// - Returns: Both files.
  /// - Throws: `CheckpointError` or `ModelFileError`, which name the file and what is wrong with it.
  package func open(step: Int) throws -> (model: ModelHeader, state: TrainingStateFile) {
    let state = try TrainingStateFile(path: statePath(step: step))
    let model = try ModelHeader(path: modelPath(step: step))
    let digest = try model.computeDigest()
    guard digest == state.modelDigest else {
      throw ModelFileError.metadata(
        path: model.path, key: ModelHeader.digestKey, expected: "\(state.modelDigest), as its training state says",
        found: "\(digest)")
    }
    return (model, state)
  }

  /// Removes the checkpoints that are not to be kept.
  ///
  /// Kept are the newest; as many before it as the configuration says of those that were due, a checkpoint that a stop
  /// left between them not counting; the milestones; and the one that a rewind would go back to.
  ///
  /// - Parameters:
  ///   - progress: Where the run stands; checkpoints of later steps are left alone.
  ///   - configuration: Of the run.
  /// - Throws: `FileError`.
  package func removeOld(_ progress: TrainingProgress, _ configuration: TrainingConfiguration) throws {
    let steps = try steps().filter { $0 <= progress.step }
    let due = steps.filter { $0 % configuration.checkpointEvery == 0 }
    let milestones = steps.filter {
      $0 > 0 && configuration.milestoneEvery > 0 && $0 % configuration.milestoneEvery == 0
    }
    let newest = Array(due.suffix(configuration.keepCheckpoints)) + steps.suffix(1)
    let kept = Set(newest + milestones + [progress.goodStep])
    for step in steps where !kept.contains(step) { try remove(step: step) }
  }

  /// Removes a checkpoint, its model first: a training state alone tells that it was being removed.
  package func remove(step: Int) throws {
    try removeFile(path: modelPath(step: step))
    try removeFile(path: statePath(step: step))
  }

  /// Removes what is there of later steps, whole or not.
  ///
  /// - Returns: Their steps, ascending.
  @discardableResult
  package func remove(laterThan step: Int) throws -> [Int] {
    let later = try begunSteps().filter { $0 > step }
    try later.forEach(remove(step:))
    return later
  }

  /// Removes training states whose models are gone, which a process that was killed while it removed has left.
  package func removeStatesWithoutModel() throws {
    let whole = Set(try steps())
    for step in try begunSteps() where !whole.contains(step) && !fileExists(path: modelPath(step: step)) {
      try removeFile(path: statePath(step: step))
    }
  }
}
