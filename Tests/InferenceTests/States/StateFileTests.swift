import Checkpoints
import EngineTestSupport
import Files
import Foundation
import Inference
import Modeling
import Retention
import Tensors
import TestSupport
import Testing

/// A generator with all that it goes on from, and the file of it.
struct StateCase {
  static let chunkLength = 8
  static let modelDigest = SHA256Digest(of: [1])
  static let tokenizerDigest = SHA256Digest(of: [2])
  static let model = TinyModel(vocabularySize: 61, width: 32, layers: 2, heads: 2)

  let folder: TemporaryFolder
  let pool = WorkerPool(threadCount: 1)

  init() throws { folder = try TemporaryFolder() }

  func generator(window: Int? = nil, keepsIDs: Bool = false) -> Generator {
    var generator = Generator(Self.model.network, chunkLength: Self.chunkLength, on: pool)
    if let window { generator.keepHistory(window: window) }
    _ = generator.keepIDs(keepsIDs)
    return generator
  }

  func saved(_ generator: Generator, random: UInt64 = 7, recent: [Int32]? = nil) -> SavedState {
    SavedState(
      progress: generator.progress, random: random, recent: recent, modelDigest: Self.modelDigest,
      tokenizerDigest: Self.tokenizerDigest)
  }

  func write(
    _ generator: Generator, recent: [Int32]? = nil, format: NumberFormat = .float32, to name: String = "state"
  ) throws -> String {
    let path = folder.path + "/" + name
    try saved(generator, recent: recent).write(to: path, format: format)
    return path
  }

  func reload(_ generator: Generator, format: NumberFormat = .float32) throws -> Generator {
    Generator(Self.model.network, try StateFile(path: write(generator, format: format)).load().progress, on: pool)
  }
}

/// A digest of every bit of what a generator goes on from and answers with.
func progressBits(_ generator: Generator) -> SHA256Digest {
  let state = generator.state
  let words =
    [UInt64(state.position)] + generator.nextLogits.values.map { UInt64($0.bitPattern) }
    + generator.progress.point.digest.digest.bytes.map(UInt64.init)
    + state.layers.flatMap { layer in
      layer.retention.stored.values.map { UInt64($0.bitPattern) } + layer.retention.scales.values.map(\.bitPattern)
    }
  return SHA256Digest(of: words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } })
}

/// The sentences of docs/CHECKPOINT.md §5 on writing and going on, by number.
@Suite struct StateFileTests {
  private let states: StateCase

  init() throws { states = try StateCase() }

  @Test("S14: 10 and 5,000 tokens take the same space", arguments: [nil, 20] as [Int?])
  func sizeIsConstant(_ window: Int?) throws {
    let sizes = try [10, 5_000].map { count in
      var generator = states.generator(window: window)
      generator.read(StateCase.model.tokens(count))
      generator.append(3)
      return try StateFile(path: states.write(generator, recent: [1, 2])).byteCount
    }
    #expect(sizes[0] == sizes[1])
    var generator = states.generator(keepsIDs: true)
    generator.read(StateCase.model.tokens(5_000))
    #expect(try StateFile(path: states.write(generator)).byteCount >= 20_000)
  }

  @Test("S16: going on gives the bits of never having stopped", arguments: [1, 5, 8, 13, 16, 50])
  func continuationIsExact(_ cut: Int) throws {
    // A prompt, tokens made, and more prompt: cut in each of them.
    let (prompt, more) = (StateCase.model.tokens(21, seed: 1), StateCase.model.tokens(19, seed: 2))
    func run(stopping: Bool) throws -> (bits: SHA256Digest, made: [Int32]) {
      var generator = states.generator(window: 6, keepsIDs: true)
      var random: UInt64 = 5
      var made: [Int32] = []
      func step(_ index: Int) {
        switch index {
        case ..<21: generator.read([prompt[index]])
        case ..<41:
          var sampler = Sampler(SamplingOptions(), seed: random)
          made.append(generator.next(&sampler))
          random = sampler.random
        default: generator.read([more[index - 41]])
        }
      }
      for index in 0..<60 {
        if stopping, index == cut {
          let path = states.folder.path + "/cut"
          try states.saved(generator, random: random).write(to: path, format: .float32)
          let saved = try StateFile(path: path).load()
          generator = Generator(StateCase.model.network, saved.progress, on: WorkerPool(threadCount: 2))
          random = saved.random
        }
        step(index)
      }
      #expect(generator.progress.ids?.count == 60)
      return (progressBits(generator), made)
    }
    let (whole, stopped) = (try run(stopping: false), try run(stopping: true))
    #expect(whole.bits == stopped.bits)
    #expect(whole.made == stopped.made)
  }

  @Test("S16: also with a score norm", arguments: [ScoreNorm.rowDecay, .absOfSum])
  func scoreNormsGoOn(_ norm: ScoreNorm) throws {
    var configuration = StateCase.model.network.configuration
    configuration.scoreNorm = norm
    let network = LanguageModel(configuration, StateCase.model.network.parameters)
    var whole = Generator(network, chunkLength: 8, on: states.pool)
    whole.read(StateCase.model.tokens(13))
    let path = try states.write(whole)
    var second = Generator(network, try StateFile(path: path).load().progress, on: states.pool)
    for token in StateCase.model.tokens(9, seed: 4) {
      whole.append(token)
      second.append(token)
    }
    #expect(progressBits(whole) == progressBits(second))
  }

  @Test("S17: the same progress gives the same bytes")
  func bytesAreReproducible() throws {
    func bytes(pieceLength: Int) throws -> Data {
      var generator = states.generator(window: 9)
      let tokens = StateCase.model.tokens(100)
      for start in stride(from: 0, to: 100, by: pieceLength) {
        generator.read(tokens[start..<min(100, start + pieceLength)])
      }
      return try Data(contentsOf: URL(fileURLWithPath: states.write(generator)))
    }
    #expect(try bytes(pieceLength: 100) == bytes(pieceLength: 100))
    var generator = states.generator()
    generator.read(StateCase.model.tokens(29))
    let first = try Data(contentsOf: URL(fileURLWithPath: states.write(generator)))
    let again = try Data(contentsOf: URL(fileURLWithPath: states.write(states.reload(generator))))
    #expect(first == again)
  }

  @Test("S15: ids are in the file only where they are wanted")
  func idsStayOut() throws {
    var generator = states.generator()
    generator.read(StateCase.model.tokens(21))
    let file = try SafetensorsFile(path: states.write(generator))
    let names = file.tensors.filter { $0.dataType == .i32 }.map(\.name)
    #expect(names == ["rest"])
    let rest = try file.withBytes(of: "rest") { [UInt8](copying: $0) }
    #expect(rest.count == 32 && rest.suffix(12).allSatisfy { $0 == 255 } && rest[19] == 0)
    generator.append(3)
    let made = try SafetensorsFile(path: states.write(generator))
    #expect(try made.withBytes(of: "rest") { [UInt8](copying: $0) }.allSatisfy { $0 == 255 })
  }

  @Test("S6: the digest is a chain of SHA-256")
  func digestIsAChain() {
    var expected = [UInt8](repeating: 0, count: 32)
    for id in [5, 300, 70_000] as [Int32] {
      expected =
        SHA256Digest(
          of: expected + [UInt8(id & 255), UInt8(id >> 8 & 255), UInt8(id >> 16 & 255), UInt8(id >> 24 & 255)]
        ).bytes
    }
    #expect(IDDigest(of: [5, 300, 70_000]).digest.bytes == expected)
    #expect(IDDigest().digest.bytes == [UInt8](repeating: 0, count: 32))
  }

  @Test("S18: undo gives the bits of never having read", arguments: [1, 4, 9, 25], [1, 3, 8, 30])
  func undoIsExact(_ window: Int, _ pieceLength: Int) throws {
    // Prompt and made tokens in turn, whole chunks among them.
    let tokens = StateCase.model.tokens(150)
    func isMade(_ index: Int) -> Bool { index % 50 >= 30 }
    func read(_ range: Range<Int>, into generator: inout Generator) {
      var index = range.lowerBound
      while index < range.upperBound {
        if isMade(index) {
          generator.append(tokens[index])
          index += 1
        } else {
          let run = range.dropFirst(index - range.lowerBound).prefix(pieceLength).prefix { !isMade($0) }
          generator.read(tokens[run])
          index += run.count
        }
      }
    }
    for end in [2, 7, 8, 17, 33, 48, 64, 90, 131, 150] {
      var generator = states.generator(window: window, keepsIDs: true)
      read(0..<end, into: &generator)
      let limit = try #require(generator.progress.history).limit
      #expect(limit >= min(window, end - 1))
      for count in Set([1, window, limit].map { min($0, limit) }) {
        // Also from a file, which must hold all that it takes.
        var undone = try states.reload(generator)
        undone.undo(count)
        var expected = states.generator()
        read(0..<end - count, into: &expected)
        #expect(progressBits(undone) == progressBits(expected), "\(count) of \(end)")
        #expect(undone.progress.ids == Array(tokens.prefix(end - count)))
        undone.read(tokens.prefix(11))
        expected.read(tokens.prefix(11))
        #expect(progressBits(undone) == progressBits(expected), "after \(count) of \(end)")
      }
    }
  }

  @Test("S18: a history may begin on the way", arguments: [5, 8, 13, 21])
  func historyBeginsOnTheWay(_ start: Int) throws {
    let tokens = StateCase.model.tokens(40)
    var generator = states.generator()
    generator.read(tokens.prefix(start))
    if start == 21 { generator.append(2) }
    generator = try states.reload(generator)
    generator.keepHistory(window: 5)
    generator.read(tokens.suffix(14))
    generator.undo(5)
    var expected = states.generator()
    expected.read(tokens.prefix(start))
    if start == 21 { expected.append(2) }
    expected.read(tokens.suffix(14).dropLast(5))
    #expect(progressBits(generator) == progressBits(expected))
  }

  @Test("S19: bf16 halves what retention has stored and rounds nothing else")
  func bfloat16Rounds() throws {
    var generator = states.generator()
    generator.read(StateCase.model.tokens(21))
    let path = try states.write(generator, format: .bfloat16, to: "half")
    let loaded = try StateFile(path: path).load().progress
    #expect(loaded.logits.values == generator.progress.logits.values)
    for (half, full) in zip(loaded.point.state.layers, generator.state.layers) {
      #expect(half.retention.scales.values == full.retention.scales.values)
      for (a, b) in zip(half.retention.stored.values, full.retention.stored.values) {
        #expect(a.bitPattern & 0xFFFF == 0 && abs(a - b) <= 0x1p-8 * abs(b))
      }
    }
    // Rounded once, it stays what it is.
    let again = Generator(StateCase.model.network, loaded, on: states.pool)
    #expect(
      try Data(contentsOf: URL(fileURLWithPath: states.write(again, format: .bfloat16)))
        == Data(contentsOf: URL(fileURLWithPath: path)))
  }
}
