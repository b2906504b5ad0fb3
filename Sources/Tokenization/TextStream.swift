/// Decodes ids into text as they are generated, in whole UTF-8 characters.
///
/// It is for display: bytes that cannot become a character are replaced by U+FFFD, one for each sequence that Unicode
/// counts as one error. `Tokenizer.decode` returns all bytes unchanged.
package struct TextStream {
  private let tokenizer: Tokenizer
  private var isTextStart: Bool
  private var pending: [UInt8] = []

  /// Starts a stream.
  ///
  /// - Parameters:
  ///   - tokenizer: The tokenizer of the ids.
  ///   - startsText: Whether the first id starts a text; false after a prompt, whose text continues.
  package init(_ tokenizer: Tokenizer, startsText: Bool) {
    self.tokenizer = tokenizer
    isTextStart = startsText
  }

  /// Adds the next id.
  ///
  /// - Parameter id: An id of the vocabulary.
  /// - Returns: The characters that are now complete, often none.
  /// - Precondition: The id is in the vocabulary.
  package mutating func append(_ id: Int32) -> String {
    tokenizer.appendBytes(of: id, isTextStart: &isTextStart, to: &pending)
    let completeCount = pending.count - incompleteCharacterByteCount(pending[...])
    let text = String(decoding: pending.prefix(completeCount), as: UTF8.self)
    pending.removeFirst(completeCount)
    return text
  }

  /// Ends the stream.
  ///
  /// - Returns: U+FFFD for a character that stayed incomplete, otherwise nothing.
  package mutating func finish() -> String {
    defer { pending.removeAll() }
    return String(decoding: pending, as: UTF8.self)
  }
}
