internal import ArgumentParser
internal import Checkpoints
internal import Configurations
internal import Files
internal import Modeling
internal import Training

/// Where `--resume` says that a run goes on.
struct ResumePoint {
  /// The run folder, if the path of a checkpoint tells it.
  let folder: String?
  /// The step, if a checkpoint is named.
  private let step: Int?

  /// - Parameters:
  ///   - word: `auto`, or the path of a checkpoint in the run folder.
  ///   - output: The run folder, if it is given.
  /// - Throws: `ValidationError` for a word that is neither, and for a checkpoint in another folder.
  init(_ word: String, output: String?) throws {
    guard word != "auto" else { (folder, step) = (output, nil); return }
    guard let step = CheckpointFolder.step(ofPath: word), let folder = Self.runFolder(ofCheckpoint: word) else {
      throw ValidationError(
        "--resume: expected auto, or a path such as runs/x/checkpoints/step-00001000.safetensors, found '\(word)'")
    }
    // Spelled in another way, or reached by a link, it is the same folder.
    let identity = FileIdentity(path: folder)
    if let output, output != folder, identity == nil || FileIdentity(path: output) != identity {
      throw ValidationError("--resume: expected a checkpoint of the run folder '\(output)', found '\(word)'")
    }
    self.folder = output ?? folder
    self.step = step
  }

  /// The folder of the run that a checkpoint's path leads to; nil if the checkpoint lies in no `checkpoints`.
  private static func runFolder(ofCheckpoint path: String) -> String? {
    let root = path.hasPrefix("/") ? "/" : ""
    let parts = path.split(separator: "/").dropLast().filter { $0 != "." }
    func folder(_ parts: [Substring]) -> String {
      parts.isEmpty ? (root.isEmpty ? "." : root) : root + parts.joined(separator: "/")
    }
    if parts.last == "checkpoints" { return folder(parts.dropLast()) }
    // From inside the run folder the path need not name it.
    let here = folder(parts)
    let isThere = FileIdentity(path: here).map { $0 == FileIdentity(path: here + "/../checkpoints") } ?? false
    return isThere ? here + "/.." : nil
  }

  /// Refuses a checkpoint that is not there, before a folder is made for it.
  ///
  /// - Throws: `FileError`.
  func checkIsThere() throws {
    guard let step, let folder else { return }
    _ = try MappedFile(path: CheckpointFolder(path: folder + "/checkpoints").statePath(step: step))
  }

  /// The newest model that is there to go on from, or the named one; only its head is read.
  ///
  /// - Parameter folder: The run folder.
  /// - Returns: nil if there is none, or none can be read.
  func model(inFolder folder: String) -> ModelHeader? {
    let checkpoints = CheckpointFolder(path: folder + "/checkpoints")
    let steps = step.map { [$0] } ?? (try? checkpoints.steps()) ?? []
    return steps.reversed().lazy.compactMap { try? ModelHeader(path: checkpoints.modelPath(step: $0)) }.first
  }

  /// The checkpoint of the same run to go on from; nil if the run starts anew.
  ///
  /// - Parameters:
  ///   - folder: Locked.
  ///   - plan: What is to be trained now.
  ///   - machine: What the bits depend on besides.
  ///   - options: Whether to talk.
  /// - Returns: Model and training state, whole.
  /// - Throws: What is wrong with the named checkpoint, or with all of them; `CommandError` where it is of another run.
  func checkpoint(
    in folder: RunFolder, for plan: TrainingPlan, machine: [String: String], options: GlobalOptions
  ) throws -> TrainingCheckpoint? {
    guard let found = try open(folder, options) else {
      try folder.refuseRunWithoutCheckpoints(plan.configurationText, firstCheckpoint: plan.training.checkpointEvery)
      options.say("\(folder.path): no checkpoint; the run starts anew")
      return nil
    }
    let checkpoint = TrainingCheckpoint(model: found.model, file: found.state, isNamed: step != nil)
    try checkpoint.check(against: plan)
    options.say("\(folder.path): going on from step \(grouped(checkpoint.state.progress.step))")
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

  /// A run that goes back to an earlier checkpoint leaves none of its former future behind, and none that is damaged or
  /// half there.
  private func removeLater(than step: Int, in folder: RunFolder, _ options: GlobalOptions) throws {
    for later in try folder.checkpoints.remove(laterThan: step) {
      options.say("note: \(folder.checkpoints.modelPath(step: later)): later than step \(step); removed")
    }
  }
}
