internal import Files

/// The folder of one training run.
struct RunFolder {
  let path: String

  /// Makes the folder; refuses one that holds a run already, rather than write over it.
  init(path: String) throws {
    self.path = path
    guard !fileExists(path: path + "/metrics.jsonl") else {
      throw CommandError(
        .cannotCreate, "\(path): expected a folder without a run, found one with metrics.jsonl",
        hint: "choose another folder with -o, or move this one away")
    }
    try makeFolder(path: path)
  }

  func file(_ name: String) -> String { path + "/" + name }

  /// Writes a small text file, atomically.
  func write(_ text: String, to name: String) throws {
    let file = try AtomicFile(replacing: file(name))
    try file.write(Array(text.utf8))
    try file.commit()
  }
}
