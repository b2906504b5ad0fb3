import Inference
import Modeling
import Tensors
import TestSupport
import Testing

@Suite struct TokenMeterTests {
  private let model = TinyModel()
  private let pool = WorkerPool(threadCount: 2)

  /// Reads tokens in pieces after BOS; the cost of each piece.
  private func costs(_ pieces: [[Int32]], chunkLength: Int) -> (costs: [TokenMeter.Cost], generator: Generator) {
    var generator = Generator(model.network, chunkLength: chunkLength, on: pool)
    let meter = TokenMeter(model.network, on: pool)
    generator.read([1], meter: meter)
    #expect(meter.take().tokens == 0)
    let costs = pieces.map { piece in
      generator.read(piece, meter: meter)
      return meter.take()
    }
    return (costs, generator)
  }

  @Test(arguments: [1, 4, 7, 64])
  func costsAreThoseOfTheReference(_ chunkLength: Int) {
    let tokens = model.tokens(90)
    let losses = model.referenceLosses(tokens, bos: 1)
    // Shorter than a row product, longer, across chunk borders, and empty.
    let lengths = [1, 2, 0, 5, 17, 1, 33, 31]
    var (pieces, start): ([[Int32]], Int) = ([], 0)
    for length in lengths {
      pieces.append(Array(tokens[start..<start + length]))
      start += length
    }
    #expect(start == tokens.count)
    var end = 0
    for (cost, length) in zip(costs(pieces, chunkLength: chunkLength).costs, lengths) {
      #expect(cost.tokens == length)
      let expected = losses[end..<end + length].reduce(0, +)
      // Each loss is a difference of two Float32 near 3, with an error of some 1e-6.
      #expect(abs(cost.nats - expected) <= 1e-5 * Double(length))
      end += length
    }
  }

  @Test func countingChangesNoBitOfWhatIsRead() {
    let tokens = model.tokens(75)
    let pieces = [Array(tokens[..<20]), Array(tokens[20..<21]), Array(tokens[21...])]
    let counted = costs(pieces, chunkLength: 16).generator
    var plain = Generator(model.network, chunkLength: 16, on: pool)
    plain.read([1] + tokens)
    #expect(counted.nextLogits.values == plain.nextLogits.values)
    #expect(counted.progress.point.digest == plain.progress.point.digest)
  }

  @Test func theFirstTokenOfAllIsNotCounted() {
    var generator = Generator(model.network, chunkLength: 8, on: pool)
    let meter = TokenMeter(model.network, on: pool)
    generator.read(model.tokens(20), meter: meter)
    #expect(meter.take().tokens == 19)
    #expect(meter.take() == TokenMeter.Cost())
  }
}
