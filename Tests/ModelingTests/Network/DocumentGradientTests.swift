import EngineTestSupport
import Modeling
import Tensors
import TestSupport
import Testing

/// Documents that share a sequence know nothing of each other.
@Suite struct DocumentGradientTests {
  private let pool = WorkerPool(threadCount: 2)

  /// Loss and gradient of a batch.
  private func run(
    _ size: ModelCase, _ tokens: [[Int]], _ targets: [[Int]], _ documents: [[Int]]?
  ) -> (loss: Double, gradient: [Float]) {
    let (model, gradients) = (size.models().model, Parameters(size.configuration))
    let loss = model.addGradient(
      gradients, inputs: indices(tokens), targets: indices(targets), documentStarts: documents.map(indices),
      scoredCount: scoredCount(targets), memory: size.memory(pool), on: pool)
    return (loss, gradients.flat.values)
  }

  private static let lengths = [[5, 13, 2], [1, 17, 2]]

  @Test(arguments: [nil] + Variant.allCases.map(Optional.some), [1, 4, 7, 64])
  func anotherDocumentChangesNoNumberAndNoGradient(variant: Variant?, chunkLength: Int) {
    // The second document of each sequence is scored; the others change.
    let size = ModelCase(B: 2, T: 20, H: 4, C: chunkLength, documents: Self.lengths, variant: variant)
    let (tokens, others) = (size.tokens(), size.tokens(seed: 77))
    var (changed, targets) = (tokens, size.targets())
    for (row, lengths) in Self.lengths.enumerated() {
      let middle = lengths[0]..<lengths[0] + lengths[1]
      for index in 0..<20 where !middle.contains(index) {
        changed[row][index] = others[row][index]
        targets[row][index] = -1
      }
    }
    #expect(changed != tokens)
    let (first, second) = (
      run(size, tokens, targets, size.documentStarts), run(size, changed, targets, size.documentStarts)
    )
    #expect(first.loss == second.loss && first.gradient == second.gradient)
    #expect(first.gradient.contains { $0 != 0 })
    // As one document the numbers are others.
    #expect(run(size, tokens, targets, nil).loss != run(size, changed, targets, nil).loss)
  }

  @Test(arguments: [1, 4, 7, 64])
  func documentsThatStartNowhereChangeNoBit(_ chunkLength: Int) {
    let size = ModelCase(B: 2, T: 20, H: 4, C: chunkLength)
    let nowhere = [[Int]](repeating: [Int](repeating: -1, count: 20), count: 2)
    let (one, other) = (
      run(size, size.tokens(), size.targets(), nil), run(size, size.tokens(), size.targets(), nowhere)
    )
    #expect(one.loss == other.loss && one.gradient.map(\.bitPattern) == other.gradient.map(\.bitPattern))
  }
}
