internal import ArgumentParser
internal import Files
internal import Glibc

/// The root command.
@main
struct RootCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "retnet",
    abstract: "Train, evaluate and run Retentive Networks on CPUs.",
    version: Version.text(facts: Machine.facts),
    subcommands: [
      TokenizeCommand.self, TrainCommand.self, EvalCommand.self, GenerateCommand.self, StateCommand.self,
      ConvertCommand.self, InfoCommand.self, VerifyCommand.self, BenchCommand.self,
    ])

  /// Runs the command that the arguments name and ends the process with its exit status.
  static func main() {
    StandardStream.reportClosedPipes()
    do {
      var command = try parseAsRoot(CommandArguments(processArguments, root: self).words)
      try command.run()
    } catch {
      Glibc.exit(report(error))
    }
  }
}
