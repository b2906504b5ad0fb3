package import ArgumentParser
internal import Files
internal import FoundationEssentials

/// The options that every command takes.
package struct GlobalOptions: ParsableArguments {
  /// The allowed thread counts.
  package static let threadRange = 1...1024

  @Option(
    name: .shortWithValue("t"),
    help: ArgumentHelp("Threads, 1 to 1024 (default: RETNET_THREADS, else the number of cores).", valueName: "n"))
  package var threads: Int?

  @OptionGroup package var talk: VerbosityOptions

  package init() {}

  package func validate() throws {
    if let threads, !Self.threadRange.contains(threads) {
      throw ValidationError("--threads: expected an integer from 1 to 1024, found \(threads)")
    }
    _ = try Self.threadsFromEnvironment()
  }

  /// The number of threads: the flag, else `RETNET_THREADS`, else one per core that this process may use.
  package var threadCount: Int {
    get throws {
      try threads ?? Self.threadsFromEnvironment() ?? Self.defaultThreadCount
    }
  }

  /// One thread per core that this process may use.
  static var defaultThreadCount: Int {
    min(max(1, ProcessInfo.processInfo.activeProcessorCount), threadRange.upperBound)
  }

  package var quiet: Bool { talk.quiet }
  package var verbose: Bool { talk.verbose }
  package var color: ColorMode { talk.color }

  package var progressStyle: ProgressLine.Style { talk.progressStyle }

  static func threadsFromEnvironment() throws -> Int? {
    guard let word = Terminal.environment["RETNET_THREADS"], !word.isEmpty else { return nil }
    guard let count = Int(word), threadRange.contains(count) else {
      throw ValidationError("RETNET_THREADS: expected an integer from 1 to 1024, found '\(word)'")
    }
    return count
  }
}
