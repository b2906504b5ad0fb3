import Files
import Foundation
import Inference
import Modeling
import Retention
import Tensors
import TestSupport
import Testing

@Suite struct BatchDecoderTests {
  private static let model = TinyModel(vocabularySize: 300, width: 64, layers: 2, heads: 4)

  private func bits(_ logits: Tensor) -> [UInt32] { logits.values.map(\.bitPattern) }

  @Test("a row's bits do not depend on the rows beside it", arguments: [1, 2, 3, 4, 5, 8, 15, 16], ScoreNorm.allCases)
  func sequencesAreThoseDecodedAlone(_ count: Int, _ norm: ScoreNorm) {
    var configuration = Self.model.network.configuration
    configuration.scoreNorm = norm
    let network = LanguageModel(configuration, Self.model.network.parameters)
    let pool = WorkerPool(threadCount: 2)
    // Prompts of unequal length: unequal positions.
    var alone = (0..<count).map { index in
      var generator = Generator(network, chunkLength: 8, on: pool)
      generator.read(Self.model.tokens(1 + 7 * index, seed: UInt64(index)))
      return generator
    }
    var decoder = BatchDecoder(network, capacity: count, on: pool)
    for generator in alone { decoder.add(generator.progress) }
    for step in 0..<12 {
      // Sequences end at different times, and their places are taken.
      if step % 5 == 4, alone.count > 1 {
        decoder.remove(0)
        alone.swapAt(0, alone.count - 1)
        alone.removeLast()
      }
      let tokens = alone.indices.map { Int32((17 * step + 31 * $0) % 300) }
      decoder.append(tokens)
      for (index, token) in tokens.enumerated() {
        alone[index].append(token)
        #expect(bits(decoder.logits(index)) == bits(alone[index].nextLogits))
      }
    }
  }

  /// What a batch leaves is the progress of a generator: the same file, byte for byte.
  @Test(arguments: [1, 5, 8, 13, 40], [nil, 10] as [Int?])
  func progressIsFollowed(_ count: Int, _ window: Int?) throws {
    let (network, pool) = (Self.model.network, WorkerPool(threadCount: 1))
    var generator = Generator(network, chunkLength: 8, on: pool)
    if let window { generator.keepHistory(window: window) }
    generator.read(Self.model.tokens(11))
    var followed = generator.progress.copied(on: pool)
    var decoder = BatchDecoder(network, capacity: 3, on: pool)
    for seed in 1...2 {
      var other = Generator(network, chunkLength: 8, on: pool)
      other.read(Self.model.tokens(4 * seed, seed: UInt64(seed)))
      decoder.add(other.progress)
    }
    decoder.add(followed)
    for step in 0..<count {
      let token = Int32(7 * step % 300)
      generator.append(token)
      decoder.append([1, 2, token])
      decoder.follow(token, 2, &followed)
    }
    decoder.store(2, in: &followed)
    let folder = try TemporaryFolder()
    try withExtendedLifetime(folder) {
      let files = try [generator.progress, followed].map { progress in
        let path = folder.path + "/state"
        let digest = SHA256Digest(of: [UInt8]())
        try SavedState(progress: progress, random: 0, modelDigest: digest, tokenizerDigest: digest)
          .write(to: path, format: .float32)
        return try Data(contentsOf: URL(fileURLWithPath: path))
      }
      #expect(files[0] == files[1])
    }
  }

  @Test func slotsAreCopiedWhenArranged() {
    let pool = WorkerPool(threadCount: 1)
    var decoder = BatchDecoder(Self.model.network, capacity: 3, on: pool)
    var parent = Generator(Self.model.network, chunkLength: 8, on: pool)
    parent.read(Self.model.tokens(9))
    decoder.add(parent.progress)
    decoder.arrange([0, 0, 0])
    decoder.append([5, 6, 5])
    #expect(bits(decoder.logits(0)) == bits(decoder.logits(2)))
    #expect(bits(decoder.logits(0)) != bits(decoder.logits(1)))
    parent.append(6)
    #expect(bits(decoder.logits(1)) == bits(parent.nextLogits))
  }

  @Test("beams are those of the written-out search", arguments: [1, 2, 4], [nil, 3] as [Int32?])
  func beamsAreTheReferences(_ beams: Int, _ eos: Int32?) throws {
    let model = TinyModel()
    let pool = WorkerPool(threadCount: 1)
    let prompt = model.tokens(5)
    func logProbabilities(_ tokens: [Int32]) -> [Double] {
      var generator = Generator(model.network, chunkLength: 8, on: pool)
      generator.read(prompt)
      tokens.forEach { generator.append($0) }
      let logits = generator.nextLogits.values.map(Double.init)
      let most = logits.max() ?? 0
      let sum = most + log(logits.reduce(0) { $0 + exp($1 - most) })
      return logits.map { $0 - sum }
    }
    var live: [(tokens: [Int32], sum: Double)] = [([], 0)]
    var finished: [(tokens: [Int32], sum: Double)] = []
    for _ in 0..<6 {
      let all = live.flatMap { beginning in
        logProbabilities(beginning.tokens).enumerated().map { (beginning.tokens, Int32($0), beginning.sum + $1) }
      }.sorted { $0.2 > $1.2 }
      live = []
      for (tokens, id, sum) in all where live.count < beams {
        if id == eos { finished.append((tokens, sum)) } else { live.append((tokens + [id], sum)) }
      }
    }
    let expected = (finished + live).sorted { $0.sum > $1.sum }.prefix(beams)
    var generator = Generator(model.network, chunkLength: 8, on: pool)
    generator.read(prompt)
    let found = try BeamSearch.run(
      model.network, from: generator.progress, beams: beams, count: 6, eosID: eos, on: pool, check: {})
    #expect(found.map(\.tokens) == expected.map(\.tokens))
    for (a, b) in zip(found, expected) { #expect(abs(a.logProbability - b.sum) < 1e-9) }
  }
}
