import Corpora
import Testing

@Suite struct HeldOutDocumentsTests {
  private func places(_ fraction: Double, seed: UInt64, count: Int = 1_000) -> [Int] {
    var choice = HeldOutDocuments(fraction: fraction, seed: seed)
    return (0..<count).filter { _ in choice.next() }
  }

  @Test(arguments: [0.001, 0.01, 0.1, 0.3, 0.5, 0.9, 0.999])
  func theShareIsExactUpToADocument(_ fraction: Double) {
    for seed in 0..<20 as Range<UInt64> {
      #expect(abs(Double(places(fraction, seed: seed).count) - 1_000 * fraction) <= 1.001)
    }
  }

  @Test func eachStretchHasADocumentAtAPlaceOfItsOwn() {
    let places = places(0.01, seed: 5)
    #expect(places.map { $0 / 100 } == Array(0..<10))
    #expect(Set(places.map { $0 % 100 }).count > 5)
    #expect(places == self.places(0.01, seed: 5))
    #expect(places != self.places(0.01, seed: 6))
  }

  @Test func everyPlaceIsEquallyLikely() {
    var counts = [Int](repeating: 0, count: 10)
    for seed in 0..<4_000 as Range<UInt64> { counts[places(0.1, seed: seed, count: 10)[0]] += 1 }
    // The standard deviation is 19.
    #expect(counts.allSatisfy { abs($0 - 400) < 95 }, "\(counts)")
  }
}
