internal import Glibc
internal import Synchronization

/// SIGINT, SIGTERM and SIGHUP (the terminal was closed) as a wish: the first is noted for the program to act on, a second
/// SIGINT or SIGTERM ends the process at once.
///
/// A hang-up is never the second, nor the first of two: a terminal that is closed sends several, and a system that ends
/// its services sends one beside SIGTERM.
package enum StopSignals {
  /// Begins to listen, on the calling thread at least; a signal that the process was started to ignore stays ignored.
  package static func listen() {
    // Made before a handler can need them.
    _ = (received, wakeDescriptor)
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    for number in [SIGINT, SIGTERM, SIGHUP] {
      unsafe sigaddset(&signals, number)
      let before = signal(number, noteSignal)
      let isIgnored = unsafe unsafeBitCast(before, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
      if isIgnored { _ = signal(number, SIG_IGN) }
    }
    // A process inherits the mask of the thread that started it, which in many programs lets no signal through.
    unsafe pthread_sigmask(SIG_UNBLOCK, &signals, nil)
  }

  /// The name of the first signal that came, or nil.
  package static var received: String? {
    switch firstSignal.load(ordering: .relaxed) {
    case 0: nil
    case SIGINT: "SIGINT"
    case SIGHUP: "SIGHUP"
    default: "SIGTERM"
    }
  }

  /// Whether the program is to end, not just what it is doing: the signal is not a Ctrl-C.
  package static var isEndWished: Bool { ![0, SIGINT].contains(firstSignal.load(ordering: .relaxed)) }

  /// The first signal that came, which is forgotten then, so that another one can be a first again.
  package static func take() -> String? {
    let name = received
    firstSignal.store(0, ordering: .relaxed)
    var bytes = [UInt8](repeating: 0, count: 64)
    while unsafe Glibc.read(wakePipe.read, &bytes, bytes.count) > 0 {}
    // One that came in between is a first one, too.
    if received != nil { _ = unsafe write(wakePipe.write, &bytes, 1) }
    return name
  }

  /// Can be read from as long as a signal was not taken: for `poll`.
  static var wakeDescriptor: Int32 { wakePipe.read }

  /// The exit status by which a shell knows a process that such a signal has ended.
  package static var exitStatus: Int32 { 128 + firstSignal.load(ordering: .relaxed) }
}

private let firstSignal = Atomic<Int32>(0)
private let wakePipe: (read: Int32, write: Int32) = {
  var ends: [Int32] = [-1, -1]
  // Without it only polls go on sleeping: `received` is told all the same.
  _ = unsafe pipe(&ends)
  for end in ends {
    _ = fcntl(end, F_SETFD, FD_CLOEXEC)
    _ = fcntl(end, F_SETFL, O_NONBLOCK)
  }
  return (ends[0], ends[1])
}()

/// Runs between any two instructions of the program: an atomic exchange, `write` and `_exit` are all that may be done here.
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
