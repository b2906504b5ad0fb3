/// One of several ways to encode a text.
package struct Segmentation: Equatable, Sendable {
  /// The ids, without BOS and EOS.
  package var ids: [Int32]
  /// The sum of the scores of its pieces: log-probabilities in a unigram vocabulary.
  package var score: Double

  /// The way to encode nothing.
  package static let empty = Segmentation(ids: [], score: 0)
}

extension [Segmentation] {
  /// The best ways to encode a text, from the best ways to encode its two parts.
  ///
  /// - Parameters:
  ///   - first: Those of the first part, best first.
  ///   - second: Those of the second part, best first.
  ///   - limit: The most ways.
  /// - Returns: Best first; equal ones in the order of the first part.
  static func joined(_ first: [Segmentation], _ second: [Segmentation], limit: Int) -> [Segmentation] {
    var joined: [Segmentation] = []
    for (i, start) in first.enumerated() {
      // A pair has at least (i + 1)(j + 1) - 1 better ones.
      for end in second.prefix(limit / (i + 1)) {
        joined.append(Segmentation(ids: start.ids + end.ids, score: start.score + end.score))
      }
    }
    let order = joined.indices.sorted { (joined[$1].score, $0) < (joined[$0].score, $1) }
    return order.prefix(limit).map { joined[$0] }
  }
}

/// Draws segmentations at random, for training on many of them (subword regularisation).
///
/// Source: Kudo 2018, "Subword Regularization"; for bpe, Provilkov et al. 2020, "BPE-Dropout".
package struct Sampling: Sendable {
  /// unigram: the power to which probabilities are raised, so that 0 draws evenly. bpe: the probability of leaving out a
  /// merge, 0…1.
  package var alpha: Float
  /// unigram: how many of the best segmentations to draw from, at most 512; nil: from all.
  package var limit: Int?

  /// - Parameters:
  ///   - alpha: See the property.
  ///   - limit: See the property.
  ///   - seed: Less than 2³² − 1. It counts for the first draw of a thread; one process draws by one seed.
  package init(alpha: Float, limit: Int? = nil, seed: UInt32) {
    precondition(seed < UInt32.max, "sampling: the seed \(seed) is reserved")
    (self.alpha, self.limit) = (alpha, limit)
    SentencePieceProcessor.seed(seed)
  }
}
