internal import Files

/// The log `metrics.jsonl` of a run: appended line by line, and complete even if the process is killed.
struct MetricsLog {
  private let file: AppendFile
  /// The number of lines written so far, by all processes of the run.
  private(set) var lineCount: Int

  /// Opens the log and truncates it to its length at the time of the checkpoint.
  ///
  /// - Parameters:
  ///   - path: The path of the file; it is created if it does not exist.
  ///   - lineCount: The number of lines up to the checkpoint.
  ///   - warn: Receives a warning if some of these lines are missing.
  ///   - read: Receives the rows that are kept, in order.
  /// - Throws: `FileError`.
  init(path: String, keeping lineCount: Int, warn: (String) -> Void, _ read: (MetricsRow) -> Void) throws {
    let kept =
      fileExists(path: path)
      ? try Self.read(path, lineLimit: lineCount, read)
      : (byteCount: 0, lines: 0, hasMore: false)
    if kept.lines < lineCount {
      warn("warning: \(path): expected \(lineCount) lines up to the checkpoint, found \(kept.lines)")
    }
    if kept.hasMore { try Self.cut(path, after: kept.byteCount) }
    file = try AppendFile(path: path)
    self.lineCount = kept.lines
  }

  /// Reads the rows of a log one by one.
  ///
  /// - Parameters:
  ///   - path: The path of an existing log; an incomplete last line is skipped.
  ///   - body: Receives the rows in order.
  /// - Throws: `FileError`.
  static func read(path: String, _ body: (MetricsRow) -> Void) throws(FileError) {
    _ = try read(path, lineLimit: .max, body)
  }

  /// Reads the first lines one by one, because a log may be longer than memory.
  ///
  /// - Returns: The number of bytes and lines, and whether anything follows.
  private static func read(
    _ path: String, lineLimit: Int, _ body: (MetricsRow) -> Void
  ) throws(FileError) -> (byteCount: Int, lines: Int, hasMore: Bool) {
    let reader = try BlockReader(path: path)
    var (end, lines, seen, line) = (0, 0, 0, [UInt8]())
    while lines < lineLimit, let block = try reader.next() {
      seen += block.count
      for (index, part) in block.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
        // Each part but the first comes after a newline, which ends the line gathered so far.
        if index > 0 {
          (end, lines) = (end + line.count + 1, lines + 1)
          if let row = MetricsRow(line: line) { body(row) }
          if lines == lineLimit { break }
          line.removeAll(keepingCapacity: true)
        }
        line += part
      }
    }
    if seen > end { return (end, lines, true) }
    return (end, lines, try reader.next() != nil)
  }

  /// Truncates a file to its first bytes, atomically.
  private static func cut(_ path: String, after byteCount: Int) throws(FileError) {
    let reader = try BlockReader(path: path)
    let file = try AtomicFile(replacing: path)
    var left = byteCount
    while left > 0, let block = try reader.next() {
      try file.write(Array(block.prefix(left)))
      left -= min(left, block.count)
    }
    try file.commit()
  }

  mutating func write(_ members: [String: JSONValue]) throws {
    try file.write(line: JSONReport(members).line)
    lineCount += 1
  }

  /// Waits until the lines are on disk. The checkpoint that counts them is written after that.
  func sync() throws { try file.sync() }
}
