/// A pattern that cuts text into pre-tokens, the units that are encoded on their own.
///
/// The pattern is a regular expression in the file; those that are in use are known here, and matched by hand.
enum PreTokenPattern: Equatable {
  /// GPT-2's, also of GPT-NeoX: a space belongs to the word behind it.
  case spaceBeforeWord
  /// That of Llama 3 and Qwen 2: any one character but a line end belongs to the letters behind it, contractions have
  /// capitals too, and line ends belong to the punctuation before them. Numbers have at most this many digits.
  case anyBeforeLetters(digits: Int)

  private static let common =
    #"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}DIGITS| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#

  /// - Parameter expression: The regular expression as written in `tokenizer.json`; nil if it is not known.
  init?(expression: String) {
    let words = #" ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#
    let contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|"
    switch expression {
    case "'s|'t|'re|'ve|'m|'ll|'d|" + words, "'(?:[sdmt]|ll|ve|re)|" + words: self = .spaceBeforeWord
    case contractions + Self.common.replacing("DIGITS", with: "{1,3}"): self = .anyBeforeLetters(digits: 3)
    case contractions + Self.common.replacing("DIGITS", with: ""): self = .anyBeforeLetters(digits: 1)
    default: return nil
    }
  }

  /// The end of the pre-token that starts at a byte.
  ///
  /// - Parameters:
  ///   - start: The index of a character; less than the number of bytes.
  ///   - text: Valid UTF-8.
  /// - Returns: The index after the pre-token.
  func end(ofPreTokenAt start: Int, in text: Span<UInt8>) -> Int {
    if let end = contractionEnd(start, text) { return end }
    let (first, next) = character(at: start, in: text)
    let kind = CharacterClass(first)
    switch self {
    case .spaceBeforeWord:
      if kind != .space { return end(of: kind, from: next, in: text) }
      if first == " ", next < text.count, let following = wordClass(at: next, in: text) {
        return end(of: following, from: next, in: text)
      }
    case .anyBeforeLetters(let digits):
      if kind == .letter { return end(of: .letter, from: next, in: text) }
      if kind == .number { return end(of: .number, from: next, in: text, limit: digits - 1) }
      let following = next < text.count ? wordClass(at: next, in: text) : nil
      if following == .letter, !isLineEnd(first) { return end(of: .letter, from: next, in: text) }
      if kind == .other || first == " " && following == .other {
        var end = end(of: .other, from: next, in: text)
        while end < text.count, isLineEnd(Unicode.Scalar(text[end])) { end += 1 }
        return end
      }
    }
    return spaceEnd(start, text)
  }

  private func isLineEnd(_ character: Unicode.Scalar) -> Bool { character == "\n" || character == "\r" }

  /// The class of a character that is no space.
  private func wordClass(at index: Int, in text: Span<UInt8>) -> CharacterClass? {
    let kind = CharacterClass(character(at: index, in: text).0)
    return kind == .space ? nil : kind
  }

  /// The end of a run of characters of a class.
  private func end(of kind: CharacterClass, from start: Int, in text: Span<UInt8>, limit: Int = .max) -> Int {
    var (end, count) = (start, 0)
    while end < text.count, count < limit {
      let (found, next) = character(at: end, in: text)
      guard CharacterClass(found) == kind else { break }
      end = next
      count += 1
    }
    return end
  }

  /// The end of a run of spaces. The last one belongs to the word behind it, except after a line end.
  private func spaceEnd(_ start: Int, _ text: Span<UInt8>) -> Int {
    var (end, last, lineEnd) = (start, start, start)
    while end < text.count {
      let (found, next) = character(at: end, in: text)
      guard CharacterClass(found) == .space else { break }
      (last, end) = (end, next)
      if isLineEnd(found) { lineEnd = next }
    }
    if self != .spaceBeforeWord, lineEnd > start { return lineEnd }
    return end == text.count || last == start ? end : last
  }

  /// The end of `'s`, `'t`, `'re`, `'ve`, `'m`, `'ll` or `'d`.
  private func contractionEnd(_ start: Int, _ text: Span<UInt8>) -> Int? {
    guard text[start] == UInt8(ascii: "'"), start + 1 < text.count else { return nil }
    let ignoresCase = self != .spaceBeforeWord
    func letter(_ offset: Int) -> UInt8 {
      guard start + offset < text.count else { return 0 }
      let byte = text[start + offset]
      return ignoresCase && (0x41...0x5A).contains(byte) ? byte | 0x20 : byte
    }
    switch (letter(1), letter(2)) {
    case (UInt8(ascii: "s"), _), (UInt8(ascii: "t"), _), (UInt8(ascii: "m"), _), (UInt8(ascii: "d"), _):
      return start + 2
    case (UInt8(ascii: "r"), UInt8(ascii: "e")), (UInt8(ascii: "v"), UInt8(ascii: "e")),
      (UInt8(ascii: "l"), UInt8(ascii: "l")):
      return start + 3
    // U+017F, the long s, is an s without regard to case.
    case (0xC5, 0xBF) where ignoresCase: return start + 3
    default: return nil
    }
  }
}
