import Foundation
import Testing

/// The built `retnet` at a terminal of its own: keys go in, what a person would see comes out.
///
/// Every wait has a deadline. The process is killed at the end, whatever happened.
final class TerminalBinary {
  private var terminal: Int32
  private let identifier: pid_t
  private var ending: Int32?
  /// All that was shown so far, control sequences too.
  private(set) var screen = ""
  private var bytes: [UInt8] = []
  private let deadline = ContinuousClock.now + .seconds(60)

  /// Starts a command whose arguments are the words of a line.
  ///
  /// - Parameters:
  ///   - line: The command line.
  ///   - folder: Where it works; its home too.
  ///   - output: A file for standard output, which else is the terminal.
  ///   - columns: Of the terminal.
  /// - Throws: If there is no terminal to be had, or the program cannot be started.
  init(_ line: String, in folder: URL, output: String? = nil, columns: UInt16 = 80) throws {
    // posix_openpt, unlockpt and ptsname, which Swift does not see: TIOCSPTLCK and TIOCGPTN of asm/ioctls.h.
    terminal = unsafe open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
    var (lock, number): (Int32, UInt32) = (0, 0)
    try #require(terminal >= 0)
    try #require(unsafe ioctl(terminal, 0x4004_5431, &lock) == 0 && ioctl(terminal, 0x8004_5430, &number) == 0)
    let path = "/dev/pts/\(number)"
    let flags = fcntl(terminal, F_GETFL)
    _ = fcntl(terminal, F_SETFL, flags | O_NONBLOCK)
    var size = winsize(ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
    _ = unsafe ioctl(terminal, UInt(TIOCSWINSZ), &size)
    // A new session whose first terminal is this one: so Ctrl-C comes as a signal.
    let closing = "for fd in /proc/self/fd/*; do fd=${fd##*/}; if ((fd > 2)); then eval \"exec $fd>&-\"; fi; done"
    let target = output.map { " >'\($0)'" } ?? ""
    let script = "\(closing); cd '\(folder.path)'; ulimit -t 60; exec \(builtBinary.path) \(line)\(target)"
    let environment = [
      "PATH=\(ProcessInfo.processInfo.environment["PATH"] ?? "")", "HOME=\(folder.path)", "TERM=xterm",
    ]
    identifier = try Self.spawn(script, environment, terminal: path)
  }

  deinit {
    kill(identifier, SIGKILL)
    while isRunning { usleep(1_000) }
    if terminal >= 0 { close(terminal) }
  }

  private static func spawn(_ script: String, _ environment: [String], terminal: String) throws -> pid_t {
    func pointers(_ words: [String]) -> [UnsafeMutablePointer<CChar>?] {
      unsafe words.map { unsafe strdup($0) } + [nil]
    }
    let (argv, envp) = (unsafe pointers(["bash", "-c", script]), unsafe pointers(environment))
    defer { unsafe (argv + envp).forEach { unsafe free($0) } }
    var actions = unsafe posix_spawn_file_actions_t()
    var attributes = posix_spawnattr_t()
    unsafe posix_spawn_file_actions_init(&actions)
    unsafe posix_spawnattr_init(&attributes)
    defer {
      unsafe posix_spawn_file_actions_destroy(&actions)
      unsafe posix_spawnattr_destroy(&attributes)
    }
    unsafe posix_spawn_file_actions_addopen(&actions, 0, terminal, O_RDWR, 0)
    unsafe posix_spawn_file_actions_adddup2(&actions, 0, 1)
    unsafe posix_spawn_file_actions_adddup2(&actions, 0, 2)
    // POSIX_SPAWN_SETSID of spawn.h, which hides it from Swift.
    unsafe posix_spawnattr_setflags(&attributes, 0x80)
    var identifier: pid_t = 0
    let code = unsafe posix_spawn(&identifier, "/bin/bash", &actions, &attributes, argv, envp)
    try #require(code == 0, "posix_spawn: \(code)")
    return identifier
  }

  private var isRunning: Bool {
    guard ending == nil else { return false }
    var status: Int32 = 0
    guard unsafe waitpid(identifier, &status, WNOHANG) == identifier else { return true }
    ending = status & 0x7f == 0 ? status >> 8 & 0xff : 128 + (status & 0x7f)
    return false
  }

  /// Presses keys.
  func type(_ keys: String) throws {
    var left = Array(keys.utf8)[...]
    while !left.isEmpty {
      try #require(ContinuousClock.now < deadline, "the terminal takes no more keys: \(screen)")
      let count = unsafe left.withUnsafeBytes { unsafe write(terminal, $0.baseAddress, $0.count) }
      if count > 0 { left = left.dropFirst(count) } else { pause() }
      look()
    }
  }

  /// Puts the terminal into the mode in which it is outside of an editor.
  func takeOverByShell() throws {
    var mode = termios()
    try #require(unsafe tcgetattr(terminal, &mode) == 0)
    mode.c_lflag |= tcflag_t(ICANON | ECHO | ISIG)
    mode.c_iflag |= tcflag_t(ICRNL)
    try #require(unsafe tcsetattr(terminal, TCSANOW, &mode) == 0)
  }

  /// Resizes the terminal.
  func resize(columns: UInt16) {
    var size = winsize(ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
    _ = unsafe ioctl(terminal, UInt(TIOCSWINSZ), &size)
  }

  func signal(_ number: Int32) { kill(identifier, number) }

  /// Closes the terminal, as one closes a window.
  func hangUp() {
    close(terminal)
    terminal = -1
  }

  /// Gives the program time, until it shows something.
  private func pause() {
    var place = pollfd(fd: terminal, events: Int16(POLLIN), revents: 0)
    // The end of the program is an error of the terminal, which would be told at once, again and again.
    if unsafe poll(&place, 1, 20) < 0 || place.revents & Int16(POLLIN) == 0 { usleep(1_000) }
  }

  private func look() {
    guard terminal >= 0 else { return }
    var block = [UInt8](repeating: 0, count: 4_096)
    while true {
      let count = unsafe read(terminal, &block, block.count)
      guard count > 0 else { break }
      bytes += block[..<count]
    }
    screen = String(decoding: bytes, as: UTF8.self)
  }

  /// Waits until something new is shown that contains a text; forgets what was shown up to there.
  ///
  /// - Returns: All that was new, up to the end of the text.
  @discardableResult
  func wait(for text: String, sourceLocation: SourceLocation = #_sourceLocation) throws -> String {
    while true {
      look()
      if let range = screen.range(of: text) {
        let seen = String(screen[..<range.upperBound])
        bytes.removeFirst(min(seen.utf8.count, bytes.count))
        return seen
      }
      let isAlive = isRunning
      try #require(isAlive, "ended with \(ending ?? -1): \(screen)", sourceLocation: sourceLocation)
      try #require(ContinuousClock.now < deadline, "not there in time: \(screen)", sourceLocation: sourceLocation)
      pause()
    }
  }

  /// Waits until so many bytes more are shown; forgets them.
  func wait(forBytes count: Int, sourceLocation: SourceLocation = #_sourceLocation) throws {
    bytes.removeAll()
    while bytes.count < count {
      look()
      try #require(isRunning, "ended with \(ending ?? -1): \(screen)", sourceLocation: sourceLocation)
      try #require(ContinuousClock.now < deadline, "not there in time: \(screen)", sourceLocation: sourceLocation)
      pause()
    }
    bytes.removeAll()
  }

  /// The exit status, within the deadline.
  func status(sourceLocation: SourceLocation = #_sourceLocation) throws -> Int32 {
    while isRunning {
      look()
      try #require(ContinuousClock.now < deadline, "does not end: \(screen)", sourceLocation: sourceLocation)
      pause()
    }
    look()
    return ending ?? -1
  }
}
