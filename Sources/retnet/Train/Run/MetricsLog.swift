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
  ///   - read: Gets the rows that are kept, in their order.
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
  ///   - path: Of a log that is there; a half line at its end is left out.
  ///   - body: Gets the rows in their order.
  /// - Throws: `FileError`.
  static func read(path: String, _ body: (MetricsRow) -> Void) throws(FileError) {
    _ = try read(path, lineLimit: .max, body)
  }

  /// Reads the first lines one by one: a log may be longer than memory.
  ///
  /// - Returns: How many bytes and lines they have, and whether anything follows.
  private static func read(
    _ path: String, lineLimit: Int, _ body: (MetricsRow) -> Void
  ) throws(FileError) -> (byteCount: Int, lines: Int, hasMore: Bool) {
    let reader = try BlockReader(path: path)
    var (end, lines, seen, line) = (0, 0, 0, [UInt8]())
    while lines < lineLimit, let block = try reader.next() {
      seen += block.count
      for (index, part) in block.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
        // Each part but the first comes after a newline, which ends what was gathered.
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

  /// Leaves the first bytes of a file, atomically.
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

  /// Waits until the lines are on the disk: a checkpoint that counts them comes after.
  func sync() throws { try file.sync() }
}
