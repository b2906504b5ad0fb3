/// Encodes a text that arrives in pieces, in bounded memory.
///
/// The ids do not depend on how the text was split into pieces. SentencePiece: text without newlines is buffered up to
/// 64 KiB, or 1 MiB if the model has a dummy prefix. Lines up to that length get the same ids as from `spm_encode`.
/// Byte-level BPE: text is buffered from its last word on, up to 1 MiB without one. Up to that length, the ids are those
/// of PyPI's `tokenizers` for the whole text.
///
/// ```swift
/// var encoder = TextEncoder(tokenizer, invalid: .refuse, source: "notes.txt")
/// while let block = try reader.next() { try encoder.append(block.span, to: &ids) }
/// try encoder.finish(to: &ids)
/// ```
package struct TextEncoder {
  // Exactly one of them is there. An enumeration would copy their buffers when they change.
  private var pieces: SentencePieceTextEncoder?
  private var bytes: ByteLevelTextEncoder?

  /// Starts a text.
  ///
  /// - Parameters:
  ///   - tokenizer: The tokenizer to encode with.
  ///   - invalid: How to treat bytes that are not UTF-8.
  ///   - source: The name of the text in errors.
  ///   - place: Where the first byte is; not `textStart` if the text continues after existing ids.
  ///   - sampling: How to draw segmentations at random, with a unigram or bpe model of SentencePiece; nil: the best one.
  package init(
    _ tokenizer: Tokenizer, invalid: InvalidText, source: String, place: TextPlace = .textStart,
    sampling: Sampling? = nil
  ) {
    switch tokenizer.algorithm {
    case .sentencePiece(let vocabulary):
      pieces = SentencePieceTextEncoder(
        vocabulary, invalid: invalid, source: source, place: place, sampling: sampling)
    case .byteLevel(let vocabulary):
      precondition(sampling == nil, "text encoder: a byte-level tokenizer draws no segmentations")
      bytes = ByteLevelTextEncoder(vocabulary, invalid: invalid, source: source, place: place)
    }
  }

  /// Adds the next bytes of the text, and appends the ids that no longer depend on later bytes.
  ///
  /// - Parameters:
  ///   - text: Any number of bytes; characters may be split.
  ///   - ids: Receives ids without BOS and EOS.
  /// - Throws: `TokenizerError.invalidText` or `.encodingFailed`; the encoder cannot be used after that.
  package mutating func append(_ text: Span<UInt8>, to ids: inout [Int32]) throws(TokenizerError) {
    try pieces?.append(text, to: &ids)
    try bytes?.append(text, to: &ids)
  }

  /// Encodes what was buffered, and resets the encoder for another text.
  ///
  /// - Parameter ids: Receives ids without BOS and EOS.
  /// - Throws: `TokenizerError.invalidText` or `.encodingFailed`.
  package mutating func finish(to ids: inout [Int32]) throws(TokenizerError) {
    try end(.textStart, to: &ids)
  }

  /// Encodes what was buffered behind a line end; the text continues.
  ///
  /// Byte-level BPE joins line ends with what follows, so its ids are those of the whole text only without this.
  ///
  /// - Parameter ids: Receives ids without BOS and EOS.
  /// - Throws: `TokenizerError.invalidText` or `.encodingFailed`.
  package mutating func endLine(to ids: inout [Int32]) throws(TokenizerError) {
    try end(.lineStart, to: &ids)
  }

  /// Adds the next bytes of the text, and joins the best segmentations of what no longer depends on later bytes.
  ///
  /// - Parameters:
  ///   - text: Any number of bytes; characters may be split.
  ///   - limit: The most segmentations, ≥ 1.
  ///   - best: The best segmentations of the text before, `[.empty]` at first; receives those with the new bytes, best
  ///     first.
  /// - Throws: As `append(_:to:)`.
  /// - Precondition: The tokenizer is a unigram model of SentencePiece.
  package mutating func append(
    _ text: Span<UInt8>, limit: Int, to best: inout [Segmentation]
  ) throws(TokenizerError) {
    try pieces?.append(text, limit: limit, to: &best)
  }

  /// Joins the best segmentations of what was buffered, and resets the encoder for another text.
  ///
  /// - Parameters:
  ///   - limit: The most segmentations, ≥ 1.
  ///   - best: As above.
  /// - Throws: As `append(_:to:)`.
  package mutating func finish(limit: Int, to best: inout [Segmentation]) throws(TokenizerError) {
    try pieces?.finish(limit: limit, to: &best)
  }

  /// Encodes what was buffered; the bytes behind it are at a place.
  mutating func end(_ place: TextPlace, to ids: inout [Int32]) throws(TokenizerError) {
    try pieces?.end(place, to: &ids)
    try bytes?.end(place, to: &ids)
  }
}

/// A position in a text, relative to its lines.
package enum TextPlace: Sendable {
  /// At the start of the text.
  case textStart
  /// At the start of a later line.
  case lineStart
  /// After other text on the same line.
  case middle
}
