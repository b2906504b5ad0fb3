import Inference
import Modeling
import Tensors
import TestSupport
import Testing

@Suite struct PrefixCacheTests {
  private static let model = TinyModel(vocabularySize: 300, width: 64, layers: 2, heads: 4)
  private let pool = WorkerPool(threadCount: 1)

  /// Reads a prompt as a server does; returns its logits and the number of tokens that were not read.
  private func read(_ ids: [Int32], _ cache: inout PrefixCache) -> (bits: [UInt32], kept: Int) {
    let borders = PrefixCache.Borders(ids, chunkLength: 8)
    var progress = ReadingProgress(Self.model.network.configuration, chunkLength: 8)
    if let border = cache.find(borders) { progress.start(at: border, on: pool) }
    let kept = progress.position
    let places = cache.places(borders)
    var generator = Generator(Self.model.network, chunkLength: 8, on: pool)
    generator.exchange(&progress)
    var count = kept
    while count < ids.count {
      let piece = ids[count...].prefix(8)
      generator.read(piece)
      count += piece.count
      if count % 8 == 0, places.contains(count / 8) { cache.add(generator.progress.point, on: pool) }
    }
    return (generator.nextLogits.values.map(\.bitPattern), kept)
  }

  private func logits(_ ids: [Int32]) -> [UInt32] {
    var generator = Generator(Self.model.network, chunkLength: 8, on: pool)
    generator.read(ids)
    return generator.nextLogits.values.map(\.bitPattern)
  }

  @Test(arguments: [1, 7, 8, 9, 16, 17, 40, 63])
  func aPromptReadAgainHasTheSameBits(_ count: Int) {
    var cache = PrefixCache(byteLimit: 1 << 24)
    let ids = Self.model.tokens(count)
    #expect(read(ids, &cache) == (logits(ids), 0))
    // At least the last token is read.
    #expect(read(ids, &cache) == (logits(ids), (count - 1) / 8 * 8))
  }

  @Test func aPromptThatGoesOnIsReadFromTheBorder() {
    var cache = PrefixCache(byteLimit: 1 << 24)
    let ids = Self.model.tokens(50)
    _ = read(Array(ids.prefix(30)), &cache)
    #expect(read(ids, &cache) == (logits(ids), 24))
  }

  /// The second prompt with a common beginning shows where it ends, and the third is read from there.
  @Test func commonBeginningsAreKept() {
    var cache = PrefixCache(byteLimit: 1 << 24)
    let common = Self.model.tokens(33)
    let prompts = (1...3).map { common + Self.model.tokens(40, seed: UInt64($0)) }
    #expect(read(prompts[0], &cache).kept == 0)
    #expect(read(prompts[1], &cache).kept == 0)
    #expect(read(prompts[2], &cache) == (logits(prompts[2]), 32))
  }

  @Test func theOldestMakeRoom() {
    let size = ModelState(Self.model.network.configuration, batch: 1).byteCount
    var cache = PrefixCache(byteLimit: 2 * size)
    let prompts = (1...3).map { Self.model.tokens(20, seed: UInt64($0)) }
    for prompt in prompts { _ = read(prompt, &cache) }
    #expect(cache.count == 2 && cache.byteCount == 2 * size)
    #expect(read(prompts[2], &cache).kept == 16)
    #expect(read(prompts[0], &cache).kept == 0)
    #expect(read(prompts[2], &cache).kept == 16)
  }

  @Test func nothingIsKeptWithoutMemory() {
    var cache = PrefixCache(byteLimit: 0)
    let ids = Self.model.tokens(40)
    for _ in 0..<2 { #expect(read(ids, &cache) == (logits(ids), 0)) }
    #expect(cache.count == 0)
  }
}
