internal import Glibc
internal import Synchronization

/// Handles SIGINT, SIGTERM and SIGHUP as requests to stop: the program acts on the first one. A second SIGINT or
/// SIGTERM ends the process at once.
///
/// A SIGHUP never counts as the second signal, nor as the first of two. A closed terminal sends several, and a service
/// manager sends one together with SIGTERM.
package enum StopSignals {
  /// Starts handling signals, at least on the calling thread. A signal that was ignored at process start stays ignored.
  package static func listen() {
    // Initialised before a handler can need them.
    _ = (received, wakeDescriptor)
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    for number in [SIGINT, SIGTERM, SIGHUP] {
      unsafe sigaddset(&signals, number)
      let before = signal(number, noteSignal)
      let isIgnored = unsafe unsafeBitCast(before, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
      if isIgnored { _ = signal(number, SIG_IGN) }
    }
    // A process inherits the signal mask of the thread that started it, which in many programs blocks every signal.
    unsafe pthread_sigmask(SIG_UNBLOCK, &signals, nil)
  }

  /// The name of the first signal that arrived, or nil.
  package static var received: String? {
    switch firstSignal.load(ordering: .relaxed) {
    case 0: nil
    case SIGINT: "SIGINT"
    case SIGHUP: "SIGHUP"
    default: "SIGTERM"
    }
  }

  /// Whether the whole program should end, not only its current activity: the signal is not a Ctrl-C.
  package static var isEndWished: Bool { ![0, SIGINT].contains(firstSignal.load(ordering: .relaxed)) }

  /// Returns the first signal that arrived and forgets it, so that the next one is a first one again.
  package static func take() -> String? {
    let name = received
    firstSignal.store(0, ordering: .relaxed)
    var bytes = [UInt8](repeating: 0, count: 64)
    while unsafe Glibc.read(wakePipe.read, &bytes, bytes.count) > 0 {}
    // A signal that arrived in between is a first one, too.
    if received != nil { _ = unsafe write(wakePipe.write, &bytes, 1) }
    return name
  }

  /// Readable as long as a signal was not taken: for `poll`.
  static var wakeDescriptor: Int32 { wakePipe.read }

  /// The exit status by which a shell recognises a process ended by this signal.
  package static var exitStatus: Int32 { 128 + firstSignal.load(ordering: .relaxed) }
}

private let firstSignal = Atomic<Int32>(0)
private let wakePipe: (read: Int32, write: Int32) = {
  var ends: [Int32] = [-1, -1]
  // If this fails, only polls are not woken: `received` still works.
  _ = unsafe pipe(&ends)
  for end in ends {
    _ = fcntl(end, F_SETFD, FD_CLOEXEC)
    _ = fcntl(end, F_SETFL, O_NONBLOCK)
  }
  return (ends[0], ends[1])
}()

/// A signal handler: only an atomic exchange, `write` and `_exit` are allowed here.
private func noteSignal(_ number: Int32) {
  let before = firstSignal.compareExchange(expected: 0, desired: number, ordering: .relaxed).original
  if before != 0, number != SIGHUP {
    let isFirst = firstSignal.compareExchange(expected: SIGHUP, desired: SIGTERM, ordering: .relaxed).exchanged
    if !isFirst { _exit(128 + number) }
  }
  let error = errno
  var byte: UInt8 = 0
  _ = unsafe write(wakePipe.write, &byte, 1)
  errno = error
}
