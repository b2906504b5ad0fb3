internal import Files
internal import Training

/// The folder of one training run, which this process alone writes to.
struct RunFolder {
  let path: String
  let checkpoints: CheckpointFolder
  private let lock: FolderLock

  /// Makes the folder if it is missing and locks it.
  ///
  /// - Parameters:
  ///   - path: Of the folder.
  ///   - isResumed: Whether a run that is there is to go on; otherwise it is refused, rather than written over.
  /// - Throws: `FileError` where it cannot be made or is in use; `CommandError` where a run is in the way.
  init(path: String, isResumed: Bool) throws {
    self.path = path
    checkpoints = CheckpointFolder(path: path + "/checkpoints")
    if !isResumed { try Self.refuseRun(path, checkpoints) }
    try makeFolder(path: path)
    lock = try FolderLock(folder: path)
    // A run may have been begun and ended since.
    if !isResumed { try Self.refuseRun(path, checkpoints) }
  }

  private static func refuseRun(_ path: String, _ checkpoints: CheckpointFolder) throws {
    let hasCheckpoints = try !checkpoints.steps().isEmpty
    let found =
      hasCheckpoints
      ? "checkpoints" : (["metrics.jsonl"] + resultNames).first { fileExists(path: path + "/" + $0) }
    guard let found else { return }
    throw CommandError(
      .cannotCreate, "\(path): expected a folder without a run, found one with \(found)",
      hint: "go on with --resume auto, choose another folder with -o, or move this one away")
  }

  /// Refuses to begin anew over a run whose checkpoints are gone.
  ///
  /// What the same run has left that was ended before its first checkpoint is no loss: its steps are made again, with
  /// the same bits.
  ///
  /// - Parameters:
  ///   - configurationText: Of the run that would begin.
  ///   - firstCheckpoint: The step of its first checkpoint.
  /// - Throws: `CommandError` with what is there.
  func refuseRunWithoutCheckpoints(_ configurationText: String, firstCheckpoint: Int) throws {
    let kept = try namesInFolder(path: checkpoints.path).filter { $0.hasSuffix(".safetensors") && !$0.hasPrefix(".") }
    let found =
      (Self.resultNames + ["metrics.jsonl"]).filter { fileExists(path: file($0)) } + kept.map { "checkpoints/\($0)" }
    if found.isEmpty { return }
    let isSame = (try? readAll(path: file("config.yaml"), byteLimit: 1 << 24)) == Array(configurationText.utf8)
    var lastStep = 0
    if fileExists(path: file("metrics.jsonl")) {
      try MetricsLog.read(path: file("metrics.jsonl")) { lastStep = max(lastStep, $0.step ?? 0) }
    }
    if isSame, lastStep <= firstCheckpoint, !found.contains(where: { $0.hasPrefix("last.") }) { return }
    throw CommandError(
      .cannotCreate,
      "\(path): expected checkpoints to go on from, or a folder without results, found no checkpoint and "
        + found.joined(separator: ", "),
      hint: "put its checkpoints back, train in another folder with -o, or move this one away to begin anew")
  }

  /// Clears away what killed processes have left and writes the configuration.
  func prepare(_ configurationText: String) throws {
    try makeFolder(path: checkpoints.path)
    for folder in [path, checkpoints.path] { try AtomicFile.removeLeftovers(inFolder: folder) }
    try checkpoints.removeStatesWithoutModel()
    let file = try AtomicFile(replacing: file("config.yaml"))
    try file.write(Array(configurationText.utf8))
    try file.commit()
  }

  func file(_ name: String) -> String { path + "/" + name }

  private static let resultNames = ["best", "last"].flatMap { [$0 + ".safetensors", $0 + ".state.safetensors"] }
  /// The names that a run always replaces.
  fileprivate static let replacedNames = ["config.yaml", "metrics.jsonl", "loss.svg"] + resultNames
}

extension CommandFiles {
  /// Adds what a run replaces in its folder.
  func writing(filesOf folder: String) -> CommandFiles {
    RunFolder.replacedNames.reduce(self) { files, name in files.writing("\(folder)/\(name)", "\(folder)/\(name)") }
  }
}
