internal import ArgumentParser

/// `retnet bench` measures speed and memory on this machine.
struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measure speed and memory.",
    discussion: """
      Examples:
        retnet bench train
        retnet bench generate --preset retnet-1.3b --quantize q4_0
        retnet bench train -t 1,2 --output-format json > base.json
      """,
    subcommands: [BenchTrain.self, BenchGenerate.self])
}
