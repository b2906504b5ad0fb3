internal import Checkpoints
internal import Files
package import Modeling

/// The checkpoints of a run: for each step a model file, and a training state that is written after it.
///
/// A checkpoint exists if both files do. `step-00001000.safetensors` is an ordinary model file.
package struct CheckpointFolder: Sendable {
  package let path: String

  /// - Parameter path: The path of an existing folder.
  package init(path: String) { self.path = path }

  private static let stateSuffix = ".training-state.safetensors"
  private static let modelSuffix = ".safetensors"

  package func modelPath(step: Int) -> String { path + "/" + Self.name(step) + Self.modelSuffix }

  package func statePath(step: Int) -> String { path + "/" + Self.name(step) + Self.stateSuffix }

  private static func name(_ step: Int) -> String {
    let digits = "\(step)"
    return "step-" + String(repeating: "0", count: max(0, 8 - digits.count)) + digits
  }

  /// The step in the path of a checkpoint: `…/step-00001000.safetensors`, its training state, or the path without a
  /// suffix; nil for any other path.
  package static func step(ofPath path: String) -> Int? {
    let file = path.split(separator: "/").last ?? ""
    guard file.hasPrefix("step-") else { return nil }
    let digits = file.dropFirst(5).prefix { $0.isASCII && $0.isNumber }
    let isKnown = ["", modelSuffix, stateSuffix].contains(String(file.dropFirst(5 + digits.count)))
    return isKnown ? Int(digits) : nil
  }

  /// The steps of which both files exist, ascending.
  package func steps() throws -> [Int] {
    let names = try namesInFolder(path: path)
    let states = names.filter { $0.hasSuffix(Self.stateSuffix) }.compactMap { Self.step(ofPath: $0) }
    return Set(states).filter { names.contains(Self.name($0) + Self.modelSuffix) }.sorted()
  }

  /// The steps of which at least one file exists, ascending. A killed process may leave a single file.
  private func begunSteps() throws -> [Int] {
    Set(try namesInFolder(path: path).compactMap { Self.step(ofPath: $0) }).sorted()
  }

  /// Writes a checkpoint: the model first, then the training state that names its digest.
  ///
  /// - Parameters:
  ///   - state: The training state of the step.
  ///   - trainer: Has the weights and moments.
  ///   - provenance: The provenance of the model.
  ///   - tokenizer: The tokenizer's `.model` bytes.
  /// - Throws: `CheckpointError`; the existing checkpoints are then untouched.
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

  /// Removes old checkpoints. These are kept:
  ///
  /// - the newest one;
  /// - the last `keep_checkpoints` regular ones, at multiples of `checkpoint_every`;
  /// - milestones, at multiples of `milestone_every`;
  /// - the rewind target.
  ///
  /// - Parameters:
  ///   - progress: The progress of the run; checkpoints of later steps are not touched.
  ///   - configuration: The configuration of the run.
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

  /// Removes a checkpoint, its model first. A training state without a model is a removal that was interrupted.
  package func remove(step: Int) throws {
    try removeFile(path: modelPath(step: step))
    try removeFile(path: statePath(step: step))
  }

  /// Removes all checkpoints of later steps, including incomplete ones.
  ///
  /// - Returns: Their steps, ascending.
  @discardableResult
  package func remove(laterThan step: Int) throws -> [Int] {
    let later = try begunSteps().filter { $0 > step }
    try later.forEach(remove(step:))
    return later
  }

  /// Removes training states without a model, which a process left that was killed during a removal.
  package func removeStatesWithoutModel() throws {
    let whole = Set(try steps())
    for step in try begunSteps() where !whole.contains(step) && !fileExists(path: modelPath(step: step)) {
      try removeFile(path: statePath(step: step))
    }
  }
}
