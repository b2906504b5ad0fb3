/// The way in which a vocabulary is chosen and text is cut into pieces.
package enum ModelType: String, Sendable, CaseIterable {
  /// The likeliest pieces of a unigram language model.
  case unigram
  /// Pairs merged by frequency.
  case bpe
  /// Whole words.
  case word
  /// Single characters.
  case char

  /// Reads SentencePiece's `TrainerSpec.ModelType`.
  init?(code: UInt64) {
    switch code {
    case 1: self = .unigram
    case 2: self = .bpe
    case 3: self = .word
    case 4: self = .char
    default: return nil
    }
  }
}
