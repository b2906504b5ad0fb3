import EngineTestSupport
import Inference
import Modeling
import Retention
import Tensors
import TestSupport
import Testing

@Suite struct GeneratorTests {
  /// Wide enough that products and row loops are cut into tasks.
  private static let model = TinyModel(vocabularySize: 300, width: 64, layers: 2, heads: 4)
  private static let chunkLength = 8

  private func generator(_ threadCount: Int = 1) -> Generator {
    Generator(Self.model.network, chunkLength: Self.chunkLength, on: WorkerPool(threadCount: threadCount))
  }

  /// Every bit of what a generator goes on from.
  private func bits(_ generator: Generator) -> [UInt64] {
    let state = generator.state
    return [UInt64(state.position)] + generator.nextLogits.values.map { UInt64($0.bitPattern) }
      + state.layers.flatMap { layer in
        layer.retention.stored.values.map { UInt64($0.bitPattern) } + layer.retention.scales.values.map(\.bitPattern)
      }
  }

  @Test(arguments: [1, 5, 8, 9, 16, 43])
  func logitsAreThoseOfTheReference(_ length: Int) {
    let model = TinyModel()
    let tokens = model.tokens(length)
    var generator = Generator(model.network, chunkLength: Self.chunkLength, on: WorkerPool(threadCount: 1))
    generator.read(tokens)
    let logits = model.reference.forward([tokens.map { Int($0) }]).logits
    // Float32 through two blocks against Float64.
    expectClose(
      generator.nextLogits.values, Array(logits.values.suffix(model.network.configuration.vocabularySize)), ratio: 1e-5)
  }

  @Test(arguments: [1, 7, 8, 9, 16, 37, 64])
  func aPromptInPiecesLeavesTheSameBits(_ length: Int) {
    let tokens = Self.model.tokens(length)
    var whole = generator()
    whole.read(tokens)
    let expected = bits(whole)
    var random = SeededGenerator(seed: UInt64(length))
    for trial in 0..<6 {
      var pieces = generator()
      var start = 0
      while start < length {
        // One token at a time first, then any pieces.
        let end = trial == 0 ? start + 1 : min(length, start + Int.random(in: 1...12, using: &random))
        pieces.read(tokens[start..<end])
        start = end
      }
      #expect(bits(pieces) == expected)
    }
  }

  @Test func theSameTokensOnAnyNumberOfThreads() {
    func made(_ threadCount: Int, temperature: Double) -> (tokens: [Int32], bits: [UInt64]) {
      var generator = generator(threadCount)
      generator.read(Self.model.tokens(21))
      var options = SamplingOptions()
      options.temperature = temperature
      var sampler = Sampler(options, seed: 3)
      let tokens = (0..<40).map { _ in generator.next(&sampler) }
      return (tokens, bits(generator))
    }
    for temperature in [0, 0.8] {
      let one = made(1, temperature: temperature)
      for threadCount in [2, 3] {
        let several = made(threadCount, temperature: temperature)
        #expect(several.tokens == one.tokens)
        #expect(several.bits == one.bits)
      }
    }
  }

  @Test(arguments: [3, 8, 13])
  func whatFollowsDoesNotDependOnHowThePromptCame(_ length: Int) {
    // A prompt, twenty tokens made, and more prompt, as in a conversation.
    func conversation(pieceLength: Int) -> [UInt64] {
      var generator = generator()
      func read(_ tokens: [Int32]) {
        for start in stride(from: 0, to: tokens.count, by: pieceLength) {
          generator.read(tokens[start..<min(tokens.count, start + pieceLength)])
        }
      }
      read(Self.model.tokens(length, seed: 1))
      var sampler = Sampler(SamplingOptions(), seed: 1)
      for _ in 0..<20 { _ = generator.next(&sampler) }
      read(Self.model.tokens(30, seed: 2))
      return bits(generator)
    }
    let expected = conversation(pieceLength: 100)
    for pieceLength in [1, 5, 8, 11] { #expect(conversation(pieceLength: pieceLength) == expected) }
  }

  @Test func madeTokensGoThroughTheRecurrentForm() {
    var chunked = generator()
    chunked.read(Self.model.tokens(5))
    var single = Generator(Self.model.network, chunkLength: 1_000, on: WorkerPool(threadCount: 1))
    single.read(Self.model.tokens(5))
    for token in Self.model.tokens(40, seed: 9) {
      chunked.append(token)
      single.append(token)
    }
    #expect(bits(chunked) == bits(single))
  }

  @Test(arguments: [1, 3, 16, 17, 40])
  func anyChunkLengthGivesTheSameLogitsUpToRounding(_ chunkLength: Int) {
    let model = TinyModel()
    let tokens = model.tokens(75)
    var generator = Generator(model.network, chunkLength: chunkLength, on: WorkerPool(threadCount: 1))
    generator.read(tokens)
    let logits = model.reference.forward([tokens.map { Int($0) }]).logits
    expectClose(
      generator.nextLogits.values, Array(logits.values.suffix(model.network.configuration.vocabularySize)), ratio: 1e-5)
    var pieces = Generator(model.network, chunkLength: chunkLength, on: WorkerPool(threadCount: 2))
    for token in tokens { pieces.read([token]) }
    #expect(bits(pieces) == bits(generator))
  }

  @Test(arguments: [(16, 64), (511, 64), (512, 128), (4_096, 128)])
  func theChunkLengthFollowsFromTheModelsWidth(_ width: Int, _ length: Int) {
    var configuration = ModelConfiguration()
    configuration.width = width
    #expect(PromptChunkLength.length(configuration) == length)
  }

  @Test func readingNothingChangesNothing() {
    var generator = generator()
    generator.read(Self.model.tokens(5))
    let before = bits(generator)
    generator.read([])
    #expect(bits(generator) == before)
  }
}
