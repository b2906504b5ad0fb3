package import Modeling

/// How many tokens of a prompt are read at a time: from a table, so that the same model gives the same bits everywhere.
package enum PromptChunkLength {
  /// The lengths that can be asked for.
  package static let range = 1...65_536

  /// Least model width and the chunk length from there on. Longer ones gain on prompts of whole chunks and lose on the
  /// rest; shorter ones gain on prompts of less than a few hundred tokens (docs/BENCHMARKS.md).
  private static let table = [(width: 0, length: 64), (width: 512, length: 128)]

  /// The chunk length for a model's shape.
  package static func length(_ configuration: ModelConfiguration) -> Int {
    table.last { configuration.width >= $0.width }?.length ?? table[0].length
  }
}
