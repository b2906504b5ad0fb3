internal import ArgumentParser
internal import Files

extension ColorMode: ExpressibleByArgument {}

/// The options for the amount and colour of messages (`-q`, `-v`, `--color`).
package struct VerbosityOptions: ParsableArguments {
  @Flag(name: .shortAndLong, help: "Print results and errors only.")
  package var quiet = false

  @Flag(name: .shortAndLong, help: "Print more details.")
  package var verbose = false

  @Option(help: ArgumentHelp("Colours.", valueName: "auto|on|off"))
  package var color = ColorMode.auto

  package init() {}

  package func validate() throws {
    if quiet && verbose { throw ValidationError("'--quiet' and '--verbose' cannot be used together") }
  }

  /// How progress is shown.
  package var progressStyle: ProgressLine.Style {
    if quiet { return .silent }
    return StandardStream.error.canRewriteLines ? .rewritten : .plain
  }

  /// Prints a message, unless `-q` is given.
  func say(_ line: String) {
    if !quiet { StandardStream.error.say(line) }
  }
}
