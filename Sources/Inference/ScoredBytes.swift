/// Which bytes of a text count: those that the scored tokens stand for (docs/MATH.md, section 24).
///
/// The bytes of a document are those of its text, not those that its tokens decode to. A document's first token is not
/// scored where there is nothing before it, and then its bytes do not count either.
package struct ScoredBytes: Sendable {
  private let opening: @Sendable (Int32) -> Int

  /// - Parameter opening: The bytes of a token at the start of a text: a dummy prefix is none of them.
  package init(opening: @escaping @Sendable (Int32) -> Int) { self.opening = opening }

  /// Counts the bytes of a document, or of the beginning of one.
  ///
  /// - Parameters:
  ///   - bytes: Of the text.
  ///   - unscored: Its first token, if that is not scored.
  /// - Returns: The bytes that count; a token that normalisation has made longer than the text leaves none.
  package func count(_ bytes: Int, unscored: Int32?) -> Int { max(0, bytes - (unscored.map(opening) ?? 0)) }
}
