internal import Files

/// How much memory there is.
struct MachineMemory {
  /// Bytes that a process may use at most: memory and swap of the machine, or what its control group allows.
  let limit: Double
  /// Bytes that can be had now without taking any from other processes.
  let available: Double

  /// nil where the system does not tell.
  init?() {
    guard let text = try? readAll(path: "/proc/meminfo", byteLimit: 1 << 20) else { return nil }
    func bytes(_ name: String) -> Double? { kibibytes(name, in: text).map { Double($0) * 1024 } }
    guard let total = bytes("MemTotal:"), let available = bytes("MemAvailable:") else { return nil }
    // Version 2 of control groups, version 1; "max" and numbers beyond the machine's set no limit.
    let group = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"].lazy.compactMap { path in
      (try? readAll(path: path, byteLimit: 1 << 10)).flatMap { Double(String(decoding: $0.dropLast(), as: UTF8.self)) }
    }.first
    limit = min(total + (bytes("SwapTotal:") ?? 0), group ?? .infinity)
    self.available = min(available, limit)
  }
}

/// The number of a line such as "MemTotal:       24684564 kB", as the files of /proc have them; "kB" are KiB.
func kibibytes(_ name: String, in text: [UInt8]) -> Int? {
  let lines = String(decoding: text, as: UTF8.self).split(separator: "\n")
  guard let words = lines.first(where: { $0.hasPrefix(name) })?.split(whereSeparator: \.isWhitespace), words.count == 3
  else { return nil }
  return Int(words[1])
}
