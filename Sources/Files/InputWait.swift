internal import Glibc

/// What ended a wait for standard input.
package enum InputEvent {
  /// There is something to read, or its end.
  case input
  /// SIGINT, SIGTERM or SIGHUP came; see `StopSignals`.
  case signal
  /// Nobody reads standard output any more.
  case readerGone

  /// Waits for the first of these.
  ///
  /// `StopSignals.listen` was called before.
  package static func next() -> InputEvent {
    while true {
      var places = [
        pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0),
        pollfd(fd: StopSignals.wakeDescriptor, events: Int16(POLLIN), revents: 0),
        // A pipe says by itself that its reader has gone.
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
