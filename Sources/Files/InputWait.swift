internal import Glibc

/// What ended a wait for standard input.
package enum InputEvent {
  /// There is something to read, or the end of input.
  case input
  /// SIGINT, SIGTERM or SIGHUP arrived; see `StopSignals`.
  case signal
  /// The reader of standard output is gone.
  case readerGone

  /// Waits for the first of these events.
  ///
  /// `StopSignals.listen` must have been called.
  package static func next() -> InputEvent {
    while true {
      var places = [
        pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0),
        pollfd(fd: StopSignals.wakeDescriptor, events: Int16(POLLIN), revents: 0),
        // A pipe reports by itself that its reader is gone.
        pollfd(fd: STDOUT_FILENO, events: 0, revents: 0),
      ]
      let count = unsafe poll(&places, nfds_t(places.count), -1)
      guard count > 0 else { continue }
      if places[1].revents != 0 { return .signal }
      if places[2].revents & Int16(POLLERR) != 0 { return .readerGone }
      return .input
    }
  }
}
