/// Chooses which source each sequence of a run comes from, so that every stretch of the run has the right proportions.
///
/// The first source takes its share of all places at even distances, like the pixels of a rising line. The second takes
/// its share of the places that are left, and so on. After n sequences, a source has its share of n, off by less than
/// the number of sources. Its own sequences come in order. Nothing is stored: the place of any sequence is computed.
/// Source: Bresenham 1965, "Algorithm for computer control of a digital plotter".
struct Mixture: Sendable {
  /// For each source but the last: its share of what the sources before it leave, and the offset of its first step, in
  /// units of 2^-32.
  private let shares: [(step: UInt64, offset: UInt64)]

  /// How many sources there are.
  var count: Int { shares.count + 1 }

  private static let one: UInt64 = 1 << 32

  /// - Parameters:
  ///   - weights: The weights of the sources, above 0; their sum is finite.
  ///   - seed: Sets the offsets of the steps.
  init(weights: [Double], seed: UInt64) {
    precondition(weights.allSatisfy { $0 > 0 } && !weights.isEmpty, "mixture of the weights \(weights)")
    shares = weights.dropLast().enumerated().map { index, weight in
      let left = weights[index...].reduce(0, +)
      let step = UInt64((weight / left * Double(Self.one)).rounded())
      // A sequence counts when a step is passed: an offset below one starts none.
      return (min(max(step, 1), Self.one - 1), splitMix64(splitMix64(seed &+ 3) ^ UInt64(index)) % Self.one)
    }
  }

  /// The source of a sequence, and how many sequences of that source come before it.
  ///
  /// - Parameter place: The index of the sequence in the run, ≥ 0.
  subscript(_ place: Int) -> (source: Int, place: Int) {
    var place = place
    for (source, share) in shares.enumerated() {
      let before = Self.taken(of: place, share)
      if Self.taken(of: place + 1, share) > before { return (source, before) }
      place -= before
    }
    return (shares.count, place)
  }

  /// How many of the first sequences of the run come from a source.
  func count(of source: Int, among places: Int) -> Int {
    var places = places
    for share in shares.prefix(source) { places -= Self.taken(of: places, share) }
    return source < shares.count ? Self.taken(of: places, shares[source]) : places
  }

  /// ⌊n · share + offset⌋: grows by at most one per place.
  private static func taken(of places: Int, _ share: (step: UInt64, offset: UInt64)) -> Int {
    let (high, low) = UInt64(places).multipliedFullWidth(by: share.step)
    let (sum, overflow) = low.addingReportingOverflow(share.offset)
    return Int((high + (overflow ? 1 : 0)) << 32 | sum >> 32)
  }
}
