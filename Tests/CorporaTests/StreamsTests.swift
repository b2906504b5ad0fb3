import Corpora
import Files
import TestSupport
import Testing

/// Batches whose rows read streams: each goes on where it ended in the batch before.
@Suite struct StreamsTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// A file whose id at position i is i + 10.
  private func file(_ count: Int) throws -> TokenFile {
    try writeTokenFile(
      [(10..<Int32(count) + 10).map { $0 }], to: folder.path + "/s.tokens", vocabularySize: 5_000, eosID: nil)
    return try TokenFile(path: folder.path + "/s.tokens")
  }

  private func batches(
    _ file: TokenFile, B: Int, T: Int, bos: BOSPlacement = .none, boundary: DocumentBoundary = .continuous,
    seed: UInt64 = 5
  ) throws -> Batches {
    try Batches(
      file, batchSize: B, sequenceLength: T, bos: bos, boundary: boundary, areStreams: true, seed: seed)
  }

  @Test(arguments: [(60, 4, 3), (60, 7, 1), (61, 4, 3), (59, 16, 2), (5, 16, 3), (1, 4, 2), (100, 1, 7), (3, 2, 8)])
  func eachRowGoesRoundTheFileWithoutAGap(_ count: Int, _ T: Int, _ B: Int) throws {
    let batches = try batches(file(count), B: B, T: T)
    let rows = try batches.rows(0..<count)
    for row in 0..<B {
      let targets = stride(from: row, to: rows.count, by: B).flatMap { rows[$0].targets }
      for (id, next) in zip(targets, targets.dropFirst()) { #expect(Int(next - 10) == Int(id - 9) % count) }
      // T times round.
      #expect(Set(targets).count == count && targets.count == T * count)
    }
  }

  @Test(arguments: [(60, 5, 3), (61, 4, 3), (1000, 16, 7), (97, 1, 10)])
  func togetherTheRowsReadEveryIDOncePerEpoch(_ count: Int, _ T: Int, _ B: Int) throws {
    let batches = try batches(file(count), B: B, T: T)
    // Until each row comes to where the next one began: ⌊N/B⌋ or ⌈N/B⌉ ids.
    let rows = try batches.rows(0..<(count / B / T))
    let targets = rows.flatMap(\.targets)
    #expect(Set(targets).count == targets.count)
    #expect(targets.count > count - B * (T + 1))
    #expect(batches.epochs(afterBatches: count) == Double(T * B))
  }

  @Test func theSeedDecidesWhereTheRowsBegin() throws {
    let file = try file(1_000)
    let starts = try (0..<20).map { try batches(file, B: 2, T: 4, seed: $0).batch(at: 0).targets[0] }
    #expect(Set(starts).count > 15)
  }

  @Test func onlyWhatStartsEmptyStartsWithBOS() throws {
    let file = try file(100)
    let batches = try batches(file, B: 3, T: 8, bos: .sequence(bosID: 1), boundary: .reset)
    for startsEmpty in [true, false] {
      for index in 0..<30 {
        let batch = try batches.batch(at: index, startsEmpty: startsEmpty)
        for place in 0..<24 {
          let isFirst = batch.targets[place] == 10
          let isBOS = isFirst || startsEmpty && place % 8 == 0
          #expect(batch.inputs[place] == (isBOS ? 1 : batch.targets[place] - 1))
          if isFirst { #expect(batch.documents[place] == Int32(place % 8)) }
        }
      }
    }
  }

  @Test func withoutBOSADocumentMayBeginWithTheFirstInput() throws {
    let file = try file(40)
    let batches = try batches(file, B: 1, T: 1, boundary: .reset)
    for index in 0..<80 {
      let batch = try batches.batch(at: index, startsEmpty: false)
      // The file's first id is not scored, and its state begins with it as input.
      #expect(batch.targets[0] != 10)
      #expect(batch.documents[0] == (batch.inputs[0] == 10 ? 0 : -1))
    }
  }
}
