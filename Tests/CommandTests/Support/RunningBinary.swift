import Foundation
import Testing

/// The built `retnet` while it runs: watched, signalled, waited for, and killed when it takes longer than any test may.
///
/// Not a `Process` of Foundation: that one learns of an end through a descriptor, which another process that is started
/// at the same time may inherit and hold open.
final class RunningBinary {
  private let identifier: pid_t
  private let errorFile: URL
  private var ending: Int32?
  private let deadline = ContinuousClock.now + .seconds(timeLimit)

  /// Seconds; the tests that are killed themselves leave a process that gets as much time of the CPU.
  private static let timeLimit = 240

  /// Starts a command whose arguments are the words of a line.
  init(_ line: String, in folder: URL) throws {
    errorFile = folder.appendingPathComponent("standard-error-\(UUID().uuidString)")
    // What it inherits from tests that run at the same time is not its own to hold open.
    let closing = "for fd in /proc/self/fd/*; do fd=${fd##*/}; if ((fd > 2)); then eval \"exec $fd>&-\"; fi; done"
    // A line may have redirections of its own, which come after these.
    let script =
      "\(closing); exec </dev/null >/dev/null 2>'\(errorFile.path)'; cd '\(folder.path)'; "
      + "ulimit -t \(Self.timeLimit); exec \(builtBinary.path) \(line)"
    let environment = ProcessInfo.processInfo.environment.map { "\($0.key)=\($0.value)" }
    identifier = try Self.spawnBash(script, environment)
  }

  deinit {
    if isRunning { end() }
    try? FileManager.default.removeItem(at: errorFile)
  }

  private static func spawnBash(_ script: String, _ environment: [String]) throws -> pid_t {
    func pointers(_ words: [String]) -> [UnsafeMutablePointer<CChar>?] {
      unsafe words.map { unsafe strdup($0) } + [nil]
    }
    let (argv, envp) = (unsafe pointers(["bash", "-c", script]), unsafe pointers(environment))
    defer { unsafe (argv + envp).forEach { unsafe free($0) } }
    var identifier: pid_t = 0
    let code = unsafe posix_spawn(&identifier, "/bin/bash", nil, nil, argv, envp)
    try #require(code == 0, "posix_spawn: \(code)")
    return identifier
  }

  /// Whether it has not ended yet, as the system says.
  var isRunning: Bool {
    guard ending == nil else { return false }
    var status: Int32 = 0
    guard unsafe waitpid(identifier, &status, WNOHANG) == identifier else { return true }
    // WIFSIGNALED and WEXITSTATUS: the low seven bits are the signal, the next byte the status.
    ending = status & 0x7f == 0 ? status >> 8 & 0xff : 128 + (status & 0x7f)
    return false
  }

  /// The time of the processor that it has used, in the system's hundredths of a second.
  var processorSeconds: Double {
    let text = (try? String(contentsOfFile: "/proc/\(identifier)/stat", encoding: .utf8)) ?? ""
    // The second field, the name, is in brackets; user and system time are fields 14 and 15.
    let fields = text.split(separator: ")").last?.split(separator: " ") ?? []
    return fields.count > 12 ? ((Double(fields[11]) ?? 0) + (Double(fields[12]) ?? 0)) / 100 : 0
  }

  /// Whether it handles SIGTERM itself.
  var isListening: Bool {
    let text = (try? String(contentsOfFile: "/proc/\(identifier)/status", encoding: .utf8)) ?? ""
    let caught = text.split(separator: "\n").first { $0.hasPrefix("SigCgt:") }?.split(separator: "\t").last
    // Signal n is bit n - 1.
    return caught.flatMap { UInt64($0, radix: 16) }.map { $0 >> UInt64(SIGTERM - 1) & 1 == 1 } ?? false
  }

  /// What it has said so far.
  var talk: String { (try? String(contentsOf: errorFile, encoding: .utf8)) ?? "" }

  func signal(_ number: Int32) { kill(identifier, number) }

  /// Waits for a condition; gives up when the process has ended without it or its time is over.
  func wait(until condition: () -> Bool) throws {
    while !condition() {
      try #require(isRunning, "ended with \(ending ?? -1): \(talk)")
      try #require(ContinuousClock.now < deadline, "still not there after \(Self.timeLimit) s: \(talk)")
      usleep(2_000)
    }
  }

  /// The exit status; 128 + signal if a signal ended the process. One that does not end in time is killed.
  func status() -> Int32 {
    while isRunning {
      guard ContinuousClock.now < deadline else {
        Issue.record("killed after \(Self.timeLimit) s: \(talk)")
        end()
        break
      }
      usleep(2_000)
    }
    return ending ?? -1
  }

  private func end() {
    signal(SIGKILL)
    while isRunning { usleep(1_000) }
  }
}
