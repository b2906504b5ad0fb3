package import Modeling

/// How many tokens of a prompt are read at a time: from a table, so that the same model gives the same bits everywhere.
package enum PromptChunkLength {
  /// The lengths that can be asked for.
  package static let range = 1...65_536

  /// Least model width and the chunk length from there on: the fastest of 16 … 512 over prompts of 100 to 2,048 tokens on
  /// two AVX-512 cores. Longer ones gain on prompts of whole chunks and lose more on the rest.
  private static let table = [(width: 0, length: 64), (width: 512, length: 128)]

  /// The chunk length for a model's shape.
  package static func length(_ configuration: ModelConfiguration) -> Int {
    table.last { configuration.width >= $0.width }?.length ?? table[0].length
  }
}
