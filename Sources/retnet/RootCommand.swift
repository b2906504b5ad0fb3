internal import ArgumentParser
internal import Files
internal import Glibc
internal import Tensors

/// The root command `retnet`, with all commands below it.
@main
struct RootCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "retnet",
    abstract: "Train, evaluate and run Retentive Networks on CPUs.",
    version: Version.text(facts: Machine.facts),
    subcommands: [
      TokenizeCommand.self, TrainCommand.self, EvalCommand.self, GenerateCommand.self, ServeCommand.self,
      StateCommand.self, ConvertCommand.self, InfoCommand.self, VerifyCommand.self, BenchCommand.self,
      PaperCommand.self,
    ])

  /// Runs the command given by the arguments and ends the process with its exit status.
  static func main() {
    StandardStream.reportFailedWrites()
    MappingFaults.endProcess(status: ExitStatus.inputOutput.rawValue)
    MemoryRefusal.whenRefused(limit: { MachineMemory()?.limit ?? .infinity }) { endOutOfMemory(byteCount: $0) }
    // Swift reads the arguments there; without it, every command would look empty.
    guard CommandLine.argc > 0 else {
      _exit(report(CommandError(.inputMissing, "/proc/self/cmdline: cannot read the arguments; is /proc mounted?")))
    }
    do {
      var command = try parseAsRoot(CommandArguments(processArguments, root: self).words)
      try command.run()
    } catch {
      _exit(report(error))
    }
    // All output is written. A normal exit would wait for OpenBLAS's threads, which never end if they had no memory for
    // their buffers.
    _exit(ExitStatus.done.rawValue)
  }
}

/// Ends the process when the system has no memory for an array; no output is half-written then.
private func endOutOfMemory(byteCount: Int) -> Never {
  TemporaryNames.removeAll()
  _exit(report(CommandError(.badConfiguration, "out of memory: asked for \(grouped(byteCount)) bytes")))
}
