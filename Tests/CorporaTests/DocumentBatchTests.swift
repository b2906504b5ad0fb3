import Corpora
import Files
import TestSupport
import Testing

/// Where a batch's documents start, against what the positions of its targets say.
@Suite struct DocumentBatchTests {
  private let folder: TemporaryFolder
  private static let lengths = [3, 1, 9, 20, 2, 1, 14]

  init() throws { folder = try TemporaryFolder() }

  /// A file whose id at position i is i + 10.
  private func file() throws -> TokenFile {
    var next: Int32 = 10
    let documents = Self.lengths.map { length in
      defer { next += Int32(length) }
      return (next..<next + Int32(length)).map { $0 }
    }
    try writeTokenFile(documents, to: folder.path + "/d.tokens", eosID: nil)
    return try TokenFile(path: folder.path + "/d.tokens")
  }

  /// The ids with which documents begin.
  private static let firsts: Set<Int32> = Set(
    lengths.indices.map { Int32(10 + lengths[..<$0].reduce(0, +)) })

  /// For each index the last one at which something starts, -1 if nothing has.
  private func running(_ startsHere: [Bool]) -> [Int32] {
    var start: Int32 = -1
    return startsHere.enumerated().map { index, starts in
      if starts { start = Int32(index) }
      return start
    }
  }

  @Test(arguments: [BOSPlacement.sequence(bosID: 1), .document(bosID: 1)], [1, 4, 7, 50, 130])
  func aDocumentStartsWithBOSAndAnEmptyState(_ bos: BOSPlacement, _ T: Int) throws {
    let file = try file()
    let batches = try Batches(file, batchSize: 2, sequenceLength: T, bos: bos, boundary: .reset, seed: 3)
    for row in try batches.rows(0..<40) {
      // Behind the end of an epoch the ids go on elsewhere, and so does no document.
      let starts = (0..<T).map { index in
        Self.firsts.contains(row.targets[index]) || index > 0 && row.targets[index] != row.targets[index - 1] + 1
      }
      #expect(row.documents == running(starts))
      for index in 0..<T {
        let isFirst = Self.firsts.contains(row.targets[index])
        let isEmpty = index == 0 || starts[index]
        let before = row.targets[index] == 10 ? Int32(9 + file.count) : row.targets[index] - 1
        #expect(row.inputs[index] == (isFirst || isEmpty && bos == .sequence(bosID: 1) ? 1 : before))
      }
    }
  }

  @Test(arguments: [1, 4, 7, 50])
  func withoutBOSADocumentsFirstIDIsNotScored(_ T: Int) throws {
    let file = try file()
    let batches = try Batches(file, batchSize: 3, sequenceLength: T, bos: .none, boundary: .reset, seed: 3)
    var unscored = 0
    // T · 3 epochs.
    for row in try batches.rows(0..<file.count) {
      // A document begins with its first id as input; and so does what lies behind the end of an epoch.
      let starts = (0..<T).map { index in
        Self.firsts.contains(row.inputs[index]) || index > 0 && row.inputs[index] != row.inputs[index - 1] + 1
      }
      for (index, start) in running(starts).enumerated() {
        guard row.targets[index] >= 0 else {
          unscored += 1
          continue
        }
        #expect(row.documents[index] == start)
        #expect(!Self.firsts.contains(row.targets[index]))
        #expect(row.inputs[index] == row.targets[index] - 1)
      }
    }
    #expect(unscored == 3 * T * Self.lengths.count)
  }

  @Test(arguments: [BOSPlacement.sequence(bosID: 1), .document(bosID: 1), .none])
  func documentsThatGoOnAreOne(_ bos: BOSPlacement) throws {
    let batches = try Batches(file(), batchSize: 2, sequenceLength: 30, bos: bos, boundary: .continuous, seed: 3)
    for row in try batches.rows(0..<40) {
      #expect(row.documents.allSatisfy { $0 == -1 })
      #expect(row.targets.allSatisfy { $0 >= 10 })
    }
  }
}
