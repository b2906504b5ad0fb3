internal import Files

/// How much memory there is.
struct MachineMemory {
  /// Bytes that a process may use at most: memory and swap of the machine, or what its control groups or its own limit of
  /// address space allow.
  let limit: Double
  /// Bytes that can be had now without taking any from other processes.
  let available: Double

  /// nil where the system does not tell.
  init?() {
    guard let text = try? readAll(path: "/proc/meminfo", byteLimit: 1 << 20) else { return nil }
    func bytes(_ name: String) -> Double? { kibibytes(name, in: text).map { Double($0) * 1024 } }
    guard let total = bytes("MemTotal:"), let available = bytes("MemAvailable:") else { return nil }
    limit = min(
      total + (bytes("SwapTotal:") ?? 0), Self.groupLimit ?? .infinity, Self.addressSpaceLimit ?? .infinity)
    self.available = min(available, limit)
  }

  /// The least that a control group of this process allows, or one above it: the process may be deep in a tree of them.
  private static var groupLimit: Double? {
    let text = (try? readAll(path: "/proc/self/cgroup", byteLimit: 1 << 20)).map { String(decoding: $0, as: UTF8.self) }
    return (text ?? "").split(separator: "\n").flatMap(limitPaths).compactMap { path in
      // "max" and numbers beyond the machine's set no limit.
      (try? readAll(path: path, byteLimit: 1 << 10)).flatMap { Double(String(decoding: $0.dropLast(), as: UTF8.self)) }
    }.min()
  }

  /// Where the limits of a line of /proc/self/cgroup stand: `0::/a/b` in version 2, `4:memory:/a/b` in version 1.
  static func limitPaths(_ line: Substring) -> [String] {
    let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count == 3 else { return [] }
    let isSecond = parts[1].isEmpty
    guard isSecond || parts[1].split(separator: ",").contains("memory") else { return [] }
    let (root, name) = isSecond ? ("", "/memory.max") : ("/memory", "/memory.limit_in_bytes")
    var folder = ""
    return ["/sys/fs/cgroup" + root + name]
      + parts[2].split(separator: "/").map { part in
        folder += "/" + part
        return "/sys/fs/cgroup" + root + folder + name
      }
  }

  /// What `ulimit -v` has set.
  private static var addressSpaceLimit: Double? {
    guard let text = try? readAll(path: "/proc/self/limits", byteLimit: 1 << 16) else { return nil }
    let line = String(decoding: text, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("Max address space") }
    return line?.split(separator: " ").dropFirst(3).first.flatMap { Double($0) }
  }
}

/// The number of a line such as "MemTotal:       24684564 kB", as the files of /proc have them; "kB" are KiB.
func kibibytes(_ name: String, in text: [UInt8]) -> Int? {
  let lines = String(decoding: text, as: UTF8.self).split(separator: "\n")
  guard let words = lines.first(where: { $0.hasPrefix(name) })?.split(whereSeparator: \.isWhitespace), words.count == 3
  else { return nil }
  return Int(words[1])
}

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
