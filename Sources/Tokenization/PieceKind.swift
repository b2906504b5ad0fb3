/// What a piece of a vocabulary is for; the raw values are those of SentencePiece's `SentencePiece.Type`.
package enum PieceKind: UInt64, Sendable {
  /// Ordinary text.
  case normal = 1
  /// Stands for text that no piece covers.
  case unknown = 2
  /// A mark such as `<s>`, which text cannot produce and which is no text.
  case control = 3
  /// A symbol that is always one piece.
  case userDefined = 4
  /// In the vocabulary, but never produced.
  case unused = 5
  /// One byte, for text that no other piece covers.
  case byte = 6
}
