internal import Files

/// The most memory that the process had resident, as Linux counts it.
enum PeakMemory {
  /// Begins the count again from what is resident now.
  ///
  /// - Returns: Whether the system lets us; if not, the count is that of the process from its start.
  static func reset() -> Bool {
    // proc(5): 5 resets the peak resident set size.
    (try? AppendFile(path: "/proc/self/clear_refs").write(line: "5")) != nil
  }

  /// nil where the system does not tell.
  static var bytes: Int? {
    guard let text = try? readAll(path: "/proc/self/status", byteLimit: 1 << 20) else { return nil }
    let lines = String(decoding: text, as: UTF8.self).split(separator: "\n")
    // "VmHWM:\t    1640 kB", which are KiB.
    guard let words = lines.first(where: { $0.hasPrefix("VmHWM:") })?.split(whereSeparator: \.isWhitespace),
      words.count == 3, let count = Int(words[1])
    else { return nil }
    return count * 1024
  }
}
