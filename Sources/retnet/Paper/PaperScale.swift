/// How much the experiments of `retnet paper` do.
package struct PaperScale: Sendable {
  /// Whether the numbers are a demonstration only (`--quick`).
  package let isQuick: Bool
  /// The sizes of the scaling section, ascending; learning rates are swept with the first.
  package var sizes: [PaperSize]
  /// The size of the other sections that train on text.
  package var middle: PaperSize
  /// The number of seeds of each trained network.
  package var seeds: Int
  /// The tokens that each network is trained on.
  package var tokens: Int
  /// The learning rates of the sweep with the first size.
  package var rates: [Double]
  /// Those of the sweep with the middle size; empty: its networks take the rate of the first size.
  package var middleRates: [Double]
  /// Training length and contexts of the context section, in tokens; then the number of places that are scored.
  package var contexts: [Int]
  package var contextPlaces: Int
  /// Lengths of the training cost section, ascending.
  package var lengths: [Int]
  /// The network whose speed is measured.
  package var costSize: PaperSize
  package var costRepetitions: Int
  /// Tokens before, of the inference section.
  package var depths: [Int]
  /// Sequences decoded together, and the tokens before.
  package var batches: [Int]
  package var batchDepth: Int
  package var decodedTokens: Int
  /// Steps, seeds and learning rates of the recall section.
  package var recallSteps: Int
  package var recallSeeds: Int
  package var recallRates: [Double]

  /// At most 150 minutes on two cores.
  package static let full = PaperScale(
    isQuick: false,
    sizes: [
      PaperSize(width: 96, layers: 2, heads: 4), PaperSize(width: 96, layers: 4, heads: 4),
      PaperSize(width: 144, layers: 4, heads: 6), PaperSize(width: 192, layers: 6, heads: 6),
    ],
    middle: PaperSize(width: 144, layers: 4, heads: 6), seeds: 3, tokens: 1 << 21, rates: [2.5e-3, 5e-3, 1e-2, 2e-2],
    middleRates: [2.5e-3, 5e-3, 1e-2, 2e-2],
    contexts: [128, 256, 512, 1_024, 2_048], contextPlaces: 64,
    lengths: [512, 1_024, 2_048, 4_096, 8_192, 16_384], costSize: PaperSize(width: 384, layers: 8, heads: 6),
    costRepetitions: 3, depths: [0, 1_024, 4_096, 16_384, 65_536], batches: [1, 4, 16], batchDepth: 2_048,
    decodedTokens: 64, recallSteps: 600, recallSeeds: 3, recallRates: [5e-3, 1e-2, 2e-2, 4e-2])

  /// At most 12 minutes.
  package static let quick = PaperScale(
    isQuick: true, sizes: Array(full.sizes.prefix(3)), middle: full.middle, seeds: 2, tokens: 1 << 18,
    rates: [5e-3, 1e-2, 2e-2], middleRates: [], contexts: [128, 512, 1_024], contextPlaces: 16,
    lengths: [512, 2_048, 4_096],
    costSize: PaperSize(width: 192, layers: 4, heads: 3), costRepetitions: 2, depths: [0, 1_024, 4_096, 16_384],
    batches: [1, 4], batchDepth: 1_024, decodedTokens: 32, recallSteps: 600, recallSeeds: 1, recallRates: [1e-2, 2e-2])
}
