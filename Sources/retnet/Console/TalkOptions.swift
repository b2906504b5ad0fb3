internal import ArgumentParser
internal import Files

extension ColorMode: ExpressibleByArgument {}

/// The options that say how much a command says, and how.
package struct TalkOptions: ParsableArguments {
  @Flag(name: .shortAndLong, help: "Print results and errors only.")
  package var quiet = false

  @Flag(name: .shortAndLong, help: "Print more of what happens.")
  package var verbose = false

  @Option(help: ArgumentHelp("Colours.", valueName: "auto|on|off"))
  package var color = ColorMode.auto

  package init() {}

  package func validate() throws {
    if quiet && verbose { throw ValidationError("'--quiet' and '--verbose' exclude each other") }
  }

  /// How progress is to be shown.
  package var progressStyle: ProgressLine.Style {
    if quiet { return .silent }
    return StandardStream.error.canRewriteLines ? .rewritten : .plain
  }

  /// Talk that `-q` silences.
  func say(_ line: String) {
    if !quiet { StandardStream.error.say(line) }
  }
}
