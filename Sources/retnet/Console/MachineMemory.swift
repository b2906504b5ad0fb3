internal import Files

/// The memory that this process may use, and how much of it is free.
struct MachineMemory {
  /// The number of bytes that a process may use: the machine's memory and swap, or the limit of its control groups or
  /// of its own address space.
  let limit: Double
  /// The number of bytes that are available without taking memory from other processes.
  let available: Double

  /// nil if the system does not report it.
  init?() {
    guard let text = try? readAll(path: "/proc/meminfo", byteLimit: 1 << 20) else { return nil }
    func bytes(_ name: String) -> Double? { kibibytes(name, in: text).map { Double($0) * 1024 } }
    guard let total = bytes("MemTotal:"), let available = bytes("MemAvailable:") else { return nil }
    limit = min(
      total + (bytes("SwapTotal:") ?? 0), Self.groupLimit ?? .infinity, Self.addressSpaceLimit ?? .infinity)
    self.available = min(available, limit)
  }

  /// The smallest limit of this process's control group and of the groups above it.
  private static var groupLimit: Double? {
    let text = (try? readAll(path: "/proc/self/cgroup", byteLimit: 1 << 20)).map { String(decoding: $0, as: UTF8.self) }
    return (text ?? "").split(separator: "\n").flatMap(limitPaths).compactMap { path in
      // "max" and numbers beyond the machine's memory set no limit.
      (try? readAll(path: path, byteLimit: 1 << 10)).flatMap { Double(String(decoding: $0.dropLast(), as: UTF8.self)) }
    }.min()
  }

  /// The files that hold the limits of a line of /proc/self/cgroup: `0::/a/b` in version 2, `4:memory:/a/b` in version
  /// 1.
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

  /// The limit set by `ulimit -v`.
  private static var addressSpaceLimit: Double? {
    guard let text = try? readAll(path: "/proc/self/limits", byteLimit: 1 << 16) else { return nil }
    let line = String(decoding: text, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("Max address space") }
    return line?.split(separator: " ").dropFirst(3).first.flatMap { Double($0) }
  }
}

/// The number in a line of a /proc file such as "MemTotal:       24684564 kB"; "kB" means KiB there.
func kibibytes(_ name: String, in text: [UInt8]) -> Int? {
  let lines = String(decoding: text, as: UTF8.self).split(separator: "\n")
  guard let words = lines.first(where: { $0.hasPrefix(name) })?.split(whereSeparator: \.isWhitespace), words.count == 3
  else { return nil }
  return Int(words[1])
}

/// The process's resident memory, as Linux counts it.
enum PeakMemory {
  /// Resets the peak to what is resident now.
  ///
  /// - Returns: Whether the system allows it; if not, the peak is counted from the start of the process.
  static func reset() -> Bool {
    // proc(5): writing 5 resets the peak resident set size.
    (try? AppendFile(path: "/proc/self/clear_refs").write(line: "5")) != nil
  }

  /// The peak so far; nil if the system does not report it.
  static var bytes: Int? { status("VmHWM:") }

  /// The resident memory now; nil if the system does not report it.
  static var bytesNow: Int? { status("VmRSS:") }

  private static func status(_ name: String) -> Int? {
    guard let text = try? readAll(path: "/proc/self/status", byteLimit: 1 << 20) else { return nil }
    return kibibytes(name, in: text).map { $0 * 1024 }
  }
}
