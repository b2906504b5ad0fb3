internal import ArgumentParser
internal import Checkpoints
internal import Configurations
internal import Files
internal import Modeling
internal import Training

/// The checkpoint from which `--resume` continues a run.
struct ResumePoint {
  /// The run folder, if it follows from the path of a checkpoint.
  let folder: String?
  /// The step, if a checkpoint is given.
  private let step: Int?

  /// - Parameters:
  ///   - word: `auto`, or the path of a checkpoint in the run folder.
  ///   - output: The run folder, if given.
  /// - Throws: `ValidationError` for any other word, and for a checkpoint in another folder.
  init(_ word: String, output: String?) throws {
    guard word != "auto" else { (folder, step) = (output, nil); return }
    guard let step = CheckpointFolder.step(ofPath: word), let folder = Self.runFolder(ofCheckpoint: word) else {
      throw ValidationError(
        "--resume: expected auto, or a path such as runs/x/checkpoints/step-00001000.safetensors, found '\(word)'")
    }
    // The same folder may be spelled differently or reached by a link.
    let identity = FileIdentity(path: folder)
    if let output, output != folder, identity == nil || FileIdentity(path: output) != identity {
      throw ValidationError("--resume: expected a checkpoint of the run folder '\(output)', found '\(word)'")
    }
    self.folder = output ?? folder
    self.step = step
  }

  /// The run folder of a checkpoint's path; nil if the checkpoint is not in a folder `checkpoints`.
  private static func runFolder(ofCheckpoint path: String) -> String? {
    let root = path.hasPrefix("/") ? "/" : ""
    let parts = path.split(separator: "/").dropLast().filter { $0 != "." }
    func folder(_ parts: [Substring]) -> String {
      parts.isEmpty ? (root.isEmpty ? "." : root) : root + parts.joined(separator: "/")
    }
    if parts.last == "checkpoints" { return folder(parts.dropLast()) }
    // Inside the run folder, the path need not name it.
    let here = folder(parts)
    let isThere = FileIdentity(path: here).map { $0 == FileIdentity(path: here + "/../checkpoints") } ?? false
    return isThere ? here + "/.." : nil
  }

  /// Throws if the given checkpoint does not exist, before a folder is created for it.
  ///
  /// - Throws: `FileError`.
  func checkIsThere() throws {
    guard let step, let folder else { return }
    _ = try MappedFile(path: CheckpointFolder(path: folder + "/checkpoints").statePath(step: step))
  }

  /// The newest model to resume from, or the given one; only its header is read.
  ///
  /// - Parameter folder: The run folder.
  /// - Returns: nil if there is none, or none is readable.
  func model(inFolder folder: String) -> ModelHeader? {
    let checkpoints = CheckpointFolder(path: folder + "/checkpoints")
    let steps = step.map { [$0] } ?? (try? checkpoints.steps()) ?? []
    return steps.reversed().lazy.compactMap { try? ModelHeader(path: checkpoints.modelPath(step: $0)) }.first
  }

  /// The checkpoint to resume from; nil if the run starts from scratch.
  ///
  /// - Parameters:
  ///   - folder: The run folder, locked.
  ///   - plan: The run as configured now.
  ///   - machine: The properties of the machine that affect the bits of the result.
  ///   - options: Whether to print messages.
  /// - Returns: The model and the training state, complete.
  /// - Throws: The error of the given checkpoint, or of all of them; `CommandError` if it belongs to another run.
  func checkpoint(
    in folder: RunFolder, for plan: TrainingPlan, machine: [String: String], options: GlobalOptions
  ) throws -> TrainingCheckpoint? {
    guard let found = try open(folder, options) else {
      try folder.refuseRunWithoutCheckpoints(plan.configurationText, firstCheckpoint: plan.training.checkpointEvery)
      options.say("\(folder.path): no checkpoint; the run starts from scratch")
      return nil
    }
    let checkpoint = TrainingCheckpoint(model: found.model, file: found.state, isNamed: step != nil)
    try checkpoint.check(against: plan)
    options.say("\(folder.path): resuming from step \(grouped(checkpoint.state.progress.step))")
    for line in checkpoint.differences(from: machine, plan.training) { options.say(line) }
    try removeLater(than: checkpoint.state.progress.step, in: folder, options)
    return checkpoint
  }

  private func open(
    _ folder: RunFolder, _ options: GlobalOptions
  ) throws -> (model: ModelHeader, state: TrainingStateFile)? {
    if let step { return try folder.checkpoints.open(step: step) }
    var problem: (any Error)?
    for step in try folder.checkpoints.steps().reversed() {
      do {
        return try folder.checkpoints.open(step: step)
      } catch let error where error is CheckpointError || error is ModelFileError {
        if case ModelFileError.version = error { throw error }
        StandardStream.error.say("warning: \(error)")
        problem = problem ?? error
      }
    }
    if let problem { throw problem }
    return nil
  }

  /// When a run returns to an earlier checkpoint, removes all later checkpoints, including damaged and incomplete ones.
  private func removeLater(than step: Int, in folder: RunFolder, _ options: GlobalOptions) throws {
    for later in try folder.checkpoints.remove(laterThan: step) {
      options.say("note: \(folder.checkpoints.modelPath(step: later)): later than step \(step); removed")
    }
  }
}
