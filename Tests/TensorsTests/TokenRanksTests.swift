import Foundation
import Tensors
import TestSupport
import Testing

@Suite struct TokenRanksTests {
  private func found(_ rows: [[Float]], targets: [Int32], threads: Int = 1) -> (ranks: [Int], entropies: [Float]) {
    let (ranks, entropies) = (Indices(count: rows.count), Tensor(Shape(rows.count)))
    rankAndEntropy(
      ranks, entropies, logits: Tensor(Shape(rows.count, rows[0].count), rows.flatMap { $0 }),
      targets: Indices(targets), on: WorkerPool(threadCount: threads))
    return (rows.indices.map { Int(ranks[$0]) }, entropies.values)
  }

  @Test func equalLogitsAreOrderedById() {
    let row: [Float] = [1, 3, 1, 3, -.infinity]
    let (ranks, _) = found(Array(repeating: row, count: 6), targets: [0, 1, 2, 3, 4, -1])
    #expect(ranks == [3, 1, 4, 2, 5, 0])
  }

  @Test func entropyIsThatOfTheDistribution() {
    let rows: [[Float]] = [
      [5, 5, 5, 5], [1_000, 0, 0, 0], [7, 7, -.infinity, -.infinity], [0, log(3), -.infinity, -.infinity],
    ]
    let (_, entropies) = found(rows, targets: [0, 0, 0, 0])
    let last = 0.25 * log(4.0) + 0.75 * log(4.0 / 3)
    // One rounding to Float32.
    expectClose(entropies, [log(4.0), 0, log(2.0), last], ratio: 1e-6)
    #expect(found(rows, targets: [-1, -1, -1, -1]).entropies == [0, 0, 0, 0])
  }

  @Test func anyNumberOfThreadsGivesTheSameBits() {
    var random = RandomSource(seed: 4)
    let rows = (0..<67).map { _ in (0..<31).map { _ in Float(random.normal()) } }
    let targets = (0..<67).map { Int32($0 % 31) }
    let (one, three) = (found(rows, targets: targets), found(rows, targets: targets, threads: 3))
    #expect(one.ranks == three.ranks && one.entropies == three.entropies)
    #expect(one.ranks == zip(rows, targets).map { row, target in row.count { $0 > row[Int(target)] } + 1 })
  }
}
