import Corpora
import Files
import TestSupport
import Testing

extension Batches {
  func batch(at index: Int, startsEmpty: Bool = true) throws -> (inputs: [Int32], targets: [Int32], documents: [Int32])
  {
    var inputs = [Int32](repeating: -7, count: batchSize * sequenceLength)
    var (targets, documents) = (inputs, inputs)
    var inputSpan = inputs.mutableSpan
    var targetSpan = targets.mutableSpan
    var documentSpan = documents.mutableSpan
    try copyBatch(
      at: index, startsEmpty: startsEmpty, inputs: &inputSpan, targets: &targetSpan, documentStarts: &documentSpan)
    return (inputs, targets, documents)
  }

  func rows(_ indices: Range<Int>) throws -> [(inputs: [Int32], targets: [Int32], documents: [Int32])] {
    try indices.flatMap { index in
      let batch = try batch(at: index)
      return (0..<batchSize).map { row in
        let range = row * sequenceLength..<(row + 1) * sequenceLength
        return (Array(batch.inputs[range]), Array(batch.targets[range]), Array(batch.documents[range]))
      }
    }
  }
}

@Suite struct BatchesTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// A file whose id at position i is i + 10, but EOS (2) where a document ends.
  private func file(documents: [Int], eosID: Int32? = nil) throws -> TokenFile {
    var next: Int32 = 10
    let ids = documents.map { length in
      defer { next += Int32(length) + (eosID == nil ? 0 : 1) }
      return (next..<next + Int32(length)).map { $0 }
    }
    try writeTokenFile(ids, to: folder.path + "/b.tokens", vocabularySize: 5000, eosID: eosID)
    return try TokenFile(path: folder.path + "/b.tokens")
  }

  @Test(arguments: [(60, 4, 3), (60, 7, 1), (61, 4, 3), (59, 16, 2), (5, 16, 3), (1, 4, 2), (100, 1, 7)])
  func eachIDIsATargetOncePerEpoch(_ count: Int, _ T: Int, _ B: Int) throws {
    let batches = try Batches(
      file(documents: [count]), batchSize: B, sequenceLength: T, bos: .sequence(bosID: 1), boundary: .continuous,
      seed: 5)
    // After T·B epochs the tape ends with a batch: every id was a target exactly T·B times.
    let all = try batches.rows(0..<count).flatMap(\.targets)
    let counts = Dictionary(grouping: all) { $0 }.mapValues(\.count)
    #expect(counts.count == count)
    #expect(counts.values.allSatisfy { $0 == T * B })
    #expect(batches.epochs(afterBatches: count) == Double(T * B))
    // Until then no id is ahead of another by more than one in any epoch, but for the segment across its border.
    for epoch in 1..<min(6, T * B + 1) {
      let segmentCount = (epoch * count + T - 1) / T
      let seen = Dictionary(grouping: all.prefix(segmentCount * T)) { $0 }.mapValues(\.count)
      let extra = (0..<count).map { (seen[Int32($0 + 10)] ?? 0) - epoch }
      #expect(extra.allSatisfy { $0 >= 0 })
      #expect(extra.reduce(0, +) == segmentCount * T - epoch * count)
    }
  }

  @Test func targetsAreConsecutive() throws {
    let file = try file(documents: [1000])
    let batches = try Batches(file, batchSize: 4, sequenceLength: 16, bos: .none, boundary: .continuous, seed: 9)
    var breakCount = 0
    for row in try batches.rows(0..<47) {
      breakCount += zip(row.targets, row.targets.dropFirst()).count { ($1 - 10) % 1000 != ($0 - 9) % 1000 }
    }
    // 3,008 ids are three epochs and a bit: three borders.
    #expect(breakCount <= 3)
  }

  @Test func inputsStartWithBOSByTheSequenceRule() throws {
    let batches = try Batches(
      file(documents: [40, 60], eosID: 2), batchSize: 3, sequenceLength: 8, bos: .sequence(bosID: 1),
      boundary: .continuous, seed: 3)
    for row in try batches.rows(0..<10) { #expect(row.inputs == [1] + row.targets.dropLast()) }
  }

  @Test func inputsAreShiftedWithoutBOS() throws {
    let file = try file(documents: [300])
    let batches = try Batches(file, batchSize: 2, sequenceLength: 10, bos: .none, boundary: .continuous, seed: 3)
    for row in try batches.rows(0..<10) {
      #expect(row.inputs.dropFirst().elementsEqual(row.targets.dropLast()))
      #expect(row.inputs[0] == (row.targets[0] == 10 ? 309 : row.targets[0] - 1))
    }
  }

  @Test func inputsHaveBOSBeforeDocumentsByTheDocumentRule() throws {
    let file = try file(documents: [3, 1, 9, 20, 2], eosID: 2)
    let starts: Set<Int32> = Set(try (0..<file.documentCount).map { Int32(try file.documentRange($0).lowerBound + 10) })
    let batches = try Batches(
      file, batchSize: 2, sequenceLength: 7, bos: .document(bosID: 1), boundary: .continuous, seed: 3)
    for row in try batches.rows(0..<30) {
      for index in 0..<7 {
        if starts.contains(row.targets[index]) {
          #expect(row.inputs[index] == 1)
        } else if index > 0 {
          #expect(row.inputs[index] == row.targets[index - 1])
        } else {
          #expect(row.inputs[0] != 1)
        }
      }
    }
  }

  @Test func anyBatchCanBeHadAtAnyTime() throws {
    let file = try file(documents: [500])
    let one = try Batches(file, batchSize: 3, sequenceLength: 9, bos: .none, boundary: .continuous, seed: 8)
    let other = try Batches(file, batchSize: 3, sequenceLength: 9, bos: .none, boundary: .continuous, seed: 8)
    let forwards = try (0..<60).map { try one.batch(at: $0).targets }
    let backwards = try (0..<60).reversed().map { try other.batch(at: $0).targets }
    #expect(forwards == backwards.reversed())
  }

  @Test func seedAndEpochDecideTheOrder() throws {
    let file = try file(documents: [640])
    func first(seed: UInt64, epoch: Int) throws -> [Int32] {
      let batches = try Batches(file, batchSize: 8, sequenceLength: 16, bos: .none, boundary: .continuous, seed: seed)
      return try (0..<5).map { try batches.batch(at: epoch * 5 + $0).targets[0] }
    }
    #expect(try first(seed: 1, epoch: 0) != first(seed: 2, epoch: 0))
    #expect(try first(seed: 1, epoch: 0) != first(seed: 1, epoch: 1))
    // Borders move: the starts of segments differ modulo T from epoch to epoch.
    let borders = try (0..<8).map { try first(seed: 1, epoch: $0)[0] % 16 }
    #expect(Set(borders).count > 2)
  }

  @Test func aFileWithoutIDsIsAnError() throws {
    let file = try file(documents: [])
    #expect(throws: CorpusError.noIDs(path: file.path)) {
      try Batches(file, batchSize: 1, sequenceLength: 1, bos: .none, boundary: .continuous, seed: 1)
    }
  }
}
