internal import Files

/// `metrics.jsonl`: a line at a time, as many as the run has written, whatever became of the process.
struct MetricsLog {
  private let file: AppendFile
  /// Lines written so far, in all processes of the run.
  private(set) var lineCount: Int

  /// Opens the log and cuts it back to what it held when the checkpoint was made.
  ///
  /// - Parameters:
  ///   - path: Of the file; made where there is none.
  ///   - lineCount: Lines that belong to the steps before the checkpoint.
  ///   - warn: Gets a line of talk if some of these are lost.
  /// - Throws: `FileError`.
  init(path: String, keeping lineCount: Int, warn: (String) -> Void) throws {
    let bytes = fileExists(path: path) ? try readAll(path: path, byteLimit: 1 << 40) : []
    var (end, lines) = (0, 0)
    for (index, byte) in bytes.enumerated() where byte == UInt8(ascii: "\n") && lines < lineCount {
      (end, lines) = (index + 1, lines + 1)
    }
    if lines < lineCount { warn("warning: \(path): expected \(lineCount) lines up to the checkpoint, found \(lines)") }
    if end < bytes.count {
      let file = try AtomicFile(replacing: path)
      try file.write(Array(bytes[..<end]))
      try file.commit()
    }
    file = try AppendFile(path: path)
    self.lineCount = lines
  }

  mutating func write(_ members: [String: JSONValue]) throws {
    try file.write(line: JSONReport(members).line)
    lineCount += 1
  }

  /// Waits until the lines are on the disk: a checkpoint that counts them comes after.
  func sync() throws { try file.sync() }
}
