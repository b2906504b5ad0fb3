import Corpora
import TestSupport
import Testing

@Suite struct PermutationTests {
  @Test func eachNumberComesOnce() {
    for count in Array(1...300) + [1_023, 1_024, 1_025, 65_536, 65_537, 100_003] {
      for key in [0, 1, UInt64.max] as [UInt64] {
        let permutation = Permutation(count: count, key: key)
        var isThere = [Bool](repeating: false, count: count)
        for index in 0..<count { isThere[permutation[index]] = true }
        #expect(isThere.allSatisfy { $0 }, "\(count) numbers, key \(key)")
      }
    }
  }

  /// No table is made: a permutation of more numbers than memory holds is as small as one of two.
  @Test func takesNoMemoryForItsNumbers() {
    let permutation = Permutation(count: 1 << 60, key: 7)
    var seen: Set<Int> = []
    for index in 0..<10_000 { seen.insert(permutation[index * ((1 << 60) / 10_000)]) }
    #expect(seen.count == 10_000)
    #expect(MemoryLayout<Permutation>.size <= 32)
  }

  @Test func theKeyChoosesThePermutation() {
    func numbers(_ key: UInt64) -> [Int] {
      let permutation = Permutation(count: 24, key: key)
      return (0..<24).map { permutation[$0] }
    }
    // Of 24! there are plenty: no two of a thousand are the same.
    #expect(Set((0..<1_000).map(numbers)).count == 1_000)
  }

  /// Where a number goes, and how far apart neighbours come, is as if it had been drawn.
  @Test func leavesNoPattern() {
    let (count, keys) = (16, 4_000)
    var places = [[Int]](repeating: [Int](repeating: 0, count: count), count: count)
    var ascents = 0
    for key in 0..<keys {
      let permutation = Permutation(count: count, key: UInt64(key))
      for index in 0..<count { places[index][permutation[index]] += 1 }
      for index in 1..<count where permutation[index] > permutation[index - 1] { ascents += 1 }
    }
    // 250 expected in each place, deviation 15.3: within 6 of them.
    #expect(places.joined().allSatisfy { abs($0 - keys / count) < 92 })
    // Half of 60,000 pairs ascend; a random permutation of 16 has a variance of 17/12 of them: deviation 75, within 6.
    #expect(abs(ascents - keys * (count - 1) / 2) < 452)
  }
}
