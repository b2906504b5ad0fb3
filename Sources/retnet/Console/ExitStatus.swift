internal import ArgumentParser
internal import Files

/// The exit statuses of the program, for scripts. The numbers from 64 are those of `sysexits.h`.
package enum ExitStatus: Int32, CaseIterable, Sendable {
  /// Success; also when a limit of time or steps ended the work, or the reader of a pipe is gone.
  case done = 0
  /// A check failed: `verify`, `--fail-above`, `--max-slowdown`.
  case checkFailed = 1
  /// Wrong usage of the command line.
  case usage = 64
  /// Bad input data: a corrupt file, a vocabulary that the text cannot fill, files that do not belong together.
  case badData = 65
  /// An input is missing or cannot be opened.
  case inputMissing = 66
  /// A bug in retnet; never for a user's mistake.
  case bug = 70
  /// Output cannot be created, or the run folder is in use.
  case cannotCreate = 73
  /// Reading or writing failed midway, for instance on a full disk.
  case inputOutput = 74
  /// Stopped by a signal after the state was saved: run again to resume.
  case stopped = 75
  /// Training was stopped by its guards; the last good checkpoint is kept.
  case guarded = 76
  /// Bad configuration, or more memory than the system gives.
  case badConfiguration = 78
  /// Stopped by SIGHUP with nothing to save.
  case hungUp = 129
  /// Stopped by SIGINT with nothing to save.
  case interrupted = 130
  /// Stopped by SIGTERM with nothing to save.
  case terminated = 143
}

extension ExitStatus {
  /// What a command throws to end with this status after it has said all there is to say.
  var exit: ExitCode { ExitCode(rawValue) }
}

extension StopSignals {
  /// What a command throws that a signal stopped with nothing to save.
  static var exit: ExitCode { ExitCode(exitStatus) }
}
