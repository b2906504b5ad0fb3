internal import Files

/// The memory that the process has resident, as Linux counts it.
enum PeakMemory {
  /// Begins the count of the most again from what is resident now.
  ///
  /// - Returns: Whether the system lets us; if not, the count is that of the process from its start.
  static func reset() -> Bool {
    // proc(5): 5 resets the peak resident set size.
    (try? AppendFile(path: "/proc/self/clear_refs").write(line: "5")) != nil
  }

  /// The most so far; nil where the system does not tell.
  static var bytes: Int? { status("VmHWM:") }

  /// What is resident now; nil where the system does not tell.
  static var bytesNow: Int? { status("VmRSS:") }

  private static func status(_ name: String) -> Int? {
    guard let text = try? readAll(path: "/proc/self/status", byteLimit: 1 << 20) else { return nil }
    return kibibytes(name, in: text).map { $0 * 1024 }
  }
}
