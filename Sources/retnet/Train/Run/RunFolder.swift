internal import Files
internal import Training

/// The folder of one training run, locked so that only this process writes to it.
struct RunFolder {
  let path: String
  let checkpoints: CheckpointFolder
  private let lock: FolderLock

  /// Creates the folder if it is missing and locks it.
  ///
  /// - Parameters:
  ///   - path: The path of the folder.
  ///   - isResumed: Whether to resume an existing run; if false, an existing run is refused rather than overwritten.
  /// - Throws: `FileError` if the folder cannot be created or is in use; `CommandError` if it already has a run.
  init(path: String, isResumed: Bool) throws {
    self.path = path
    checkpoints = CheckpointFolder(path: path + "/checkpoints")
    if !isResumed { try Self.refuseRun(path, checkpoints) }
    try makeFolder(path: path)
    lock = try FolderLock(folder: path)
    // Another process may have started and ended a run since the first check.
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
      hint: "resume it with --resume auto, choose another folder with -o, or move this one away")
  }

  /// Throws if the folder has results but no checkpoints, so that they are not overwritten.
  ///
  /// Results of the same run from before its first checkpoint may be overwritten: its steps are repeated
  /// bit-identically.
  ///
  /// - Parameters:
  ///   - configurationText: The configuration of the run that would start.
  ///   - firstCheckpoint: The step of its first checkpoint.
  /// - Throws: `CommandError` that lists the results.
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
      "\(path): expected checkpoints to resume from, or a folder without results, found no checkpoint and "
        + found.joined(separator: ", "),
      hint: "put its checkpoints back, train in another folder with -o, or move this one away to start from scratch")
  }

  /// Removes what killed processes have left behind and writes the configuration.
  func prepare(_ configurationText: String) throws {
    try makeFolder(path: checkpoints.path)
    for folder in [path, checkpoints.path] { try AtomicFile.removeLeftovers(inFolder: folder) }
    try checkpoints.removeStatesWithoutModel()
    try AtomicFile.write(Array(configurationText.utf8), replacing: file("config.yaml"))
  }

  func file(_ name: String) -> String { path + "/" + name }

  private static let resultNames =
    ["best", "last"].flatMap { [$0 + ".safetensors", $0 + ".state.safetensors"] } + ["ema.safetensors"]
  /// The files that a run always replaces.
  fileprivate static let replacedNames = ["config.yaml", "metrics.jsonl", "loss.svg"] + resultNames
}

extension CommandFiles {
  /// Adds the files that a run replaces in its folder.
  func writing(filesOf folder: String) -> CommandFiles {
    RunFolder.replacedNames.reduce(self) { files, name in files.writing("\(folder)/\(name)", "\(folder)/\(name)") }
  }
}
