import Corpora
import Files
import TestSupport
import Testing

/// Batches from several files.
@Suite struct MixtureTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// Files whose ids are 1,000 · (number of the file + 1) + position.
  private func files(_ counts: [Int], weights: [Double]? = nil) throws -> [TrainingFile] {
    try counts.enumerated().map { index, count in
      let path = folder.path + "/\(index).tokens"
      let first = Int32(1_000 * (index + 1))
      try writeTokenFile([(first..<first + Int32(count)).map { $0 }], to: path, vocabularySize: 9_000, eosID: nil)
      return TrainingFile(try TokenFile(path: path), weight: weights?[index])
    }
  }

  private func batches(
    _ files: [TrainingFile], B: Int, T: Int, areStreams: Bool = false, seed: UInt64 = 5
  ) throws -> Batches {
    try Batches(
      files, batchSize: B, sequenceLength: T, bos: .none, boundary: .continuous, areStreams: areStreams, seed: seed)
  }

  @Test(
    arguments: [[1, 1], [3, 1], [1, 1000], [0.2, 0.3, 0.5], [7, 1e-3, 1e6, 5], [1e9, 1e-9, 1e-9]], [1, 2] as [UInt64])
  func eachFileHasItsShareOfEveryStretch(_ weights: [Double], _ seed: UInt64) throws {
    let counts = [300, 40, 90, 7].prefix(weights.count)
    let batches = try batches(files(Array(counts), weights: weights), B: 1, T: 4, seed: seed)
    var found = [Int](repeating: 0, count: weights.count)
    for index in 0..<3_000 {
      let targets = try batches.batch(at: index).targets
      let file = Int(targets[0]) / 1_000 - 1
      #expect(targets.allSatisfy { Int($0) / 1_000 - 1 == file })
      found[file] += 1
      for (source, weight) in weights.enumerated() {
        let share = weight / weights.reduce(0, +) * Double(index + 1)
        #expect(abs(Double(found[source]) - share) < Double(weights.count))
        #expect(batches.idsRead(ofFile: source, afterBatches: index + 1) == found[source] * 4)
      }
    }
  }

  @Test(arguments: [false, true])
  func inEachFileEveryIDIsATargetOncePerEpoch(_ areStreams: Bool) throws {
    let (counts, weights) = ([60, 35], [2.0, 1.0])
    let batches = try batches(files(counts, weights: weights), B: 3, T: 5, areStreams: areStreams)
    let targets = try batches.rows(0..<420).flatMap(\.targets)
    for (file, count) in counts.enumerated() {
      let own = targets.filter { Int($0) / 1_000 == file + 1 }
      #expect(own.count == batches.idsRead(ofFile: file, afterBatches: 420))
      let epochs = own.count / count
      let seen = Dictionary(grouping: own.prefix(epochs * count)) { $0 }.mapValues(\.count)
      #expect(seen.count == count)
      // A sequence may reach over the end of an epoch; streams are cut where they are.
      let slack = areStreams ? 2 : 1
      #expect(seen.values.allSatisfy { abs($0 - epochs) <= slack })
      #expect(abs(batches.epochs(ofFile: file, afterBatches: 420) - Double(own.count) / Double(count)) < 1e-12)
    }
  }

  @Test func aFileAloneIsReadAsWithoutWeights() throws {
    let file = try files([200])[0].file
    let alone = try Batches(file, batchSize: 3, sequenceLength: 7, bos: .none, boundary: .continuous, seed: 9)
    let weighted = try batches([TrainingFile(file, weight: 0.3)], B: 3, T: 7, seed: 9)
    for index in 0..<50 { #expect(try alone.batch(at: index).targets == weighted.batch(at: index).targets) }
  }

  @Test func withoutWeightsFilesCountByTheirSize() throws {
    let batches = try batches(files([300, 100]), B: 4, T: 5)
    #expect(batches.idsRead(ofFile: 0, afterBatches: 100) == 1_500)
    #expect(abs(batches.epochs(ofFile: 0, afterBatches: 100) - batches.epochs(ofFile: 1, afterBatches: 100)) < 0.06)
  }

  @Test func theSeedAloneDecidesWhichFileComesWhen() throws {
    let files = try files([300, 100], weights: [0.7, 0.3])
    func order(_ seed: UInt64, _ indices: [Int]) throws -> [Int] {
      let batches = try batches(files, B: 2, T: 5, seed: seed)
      return try indices.flatMap { try batches.batch(at: $0).targets.map { Int($0) } }
    }
    let indices = Array(0..<40)
    #expect(try order(1, indices) == order(1, indices))
    #expect(try order(1, [30]) == Array(order(1, indices)[300..<310]))
    #expect(Set(try (0..<8 as Range<UInt64>).map { try order($0, indices).map { $0 / 1_000 } }).count > 4)
  }

  @Test(arguments: [([1, 1], [4, 4]), ([6, 1], [7, 1]), ([1, 100, 1], [1, 6, 1]), ([5, 3], [5, 3])])
  func streamsShareTheRowsByTheWeights(_ weights: [Double], _ rows: [Int]) throws {
    let batches = try batches(
      files([300, 200, 100].prefix(weights.count).map { $0 }, weights: weights), B: 8, T: 5, areStreams: true)
    var last: [Int32?] = Array(repeating: nil, count: 8)
    for index in 0..<100 {
      let found = try batches.rows(index..<index + 1)
      let files = found.map { Int($0.targets[0]) / 1_000 - 1 }
      #expect(rows.indices.map { file in files.count { $0 == file } } == rows)
      for (row, sequence) in found.enumerated() {
        if let last = last[row] { #expect(sequence.inputs[0] == last) }
        last[row] = sequence.targets[4]
      }
    }
  }
}
