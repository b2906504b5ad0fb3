/// Chooses the documents that are held out for validation, one after the other.
///
/// The documents are cut into stretches of 1 / fraction, and of each stretch one document is held out, at a place that
/// the seed decides. So the share is exact up to one document, and no pattern in the order of the documents matters.
package struct HeldOutDocuments {
  private let fraction: Double
  private let seed: UInt64
  /// The documents so far times the fraction, minus the stretches whose document was held out.
  private var position = 0.0
  private var stretch: UInt64 = 0

  /// - Parameters:
  ///   - fraction: Share of the documents, between 0 and 1.
  ///   - seed: Decides which.
  package init(fraction: Double, seed: UInt64) {
    precondition(fraction > 0 && fraction < 1, "held-out documents: a share of \(fraction)")
    (self.fraction, self.seed) = (fraction, seed)
  }

  /// Whether the next document is held out.
  package mutating func next() -> Bool {
    position += fraction
    let uniform = Double(splitMix64(seed ^ splitMix64(stretch)) >> 11) * 0x1p-53
    guard position > uniform else { return false }
    position -= 1
    stretch += 1
    return true
  }
}
