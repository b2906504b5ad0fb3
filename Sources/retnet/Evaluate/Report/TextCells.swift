internal import Tokenization

/// The smallest parts of a text that can be shown: a token, or the tokens that make a character together.
struct TextCell: Equatable {
  /// What is shown. Bytes that are not UTF-8 are `<0xE2>`.
  let text: String
  /// The number of its tokens.
  let tokens: Int
  /// Whether it stands for tokens without a text, such as EOS, and shows their piece.
  let isControl: Bool
}

/// Cuts the tokens of a text into cells.
struct TextCells {
  private var pending: [UInt8] = []
  private var tokens = 0
  /// A cell with more tokens would be no help; so many are only in bytes that are no text.
  private static let mostTokens = 16

  /// Adds the next token of a document.
  ///
  /// - Parameters:
  ///   - piece: Its piece.
  ///   - bytes: What it adds to the text; nil: unknown, the piece is shown.
  /// - Returns: The cells that are now complete.
  mutating func append(piece: String, bytes: [UInt8]?) -> [TextCell] {
    guard let bytes else { return [TextCell(text: piece + " ", tokens: 1, isControl: false)] }
    if bytes.isEmpty { return finish() + [TextCell(text: piece, tokens: 1, isControl: true)] }
    pending += bytes
    tokens += 1
    let isComplete = incompleteCharacterByteCount(pending[...]) == 0
    return isComplete || tokens == Self.mostTokens ? finish() : []
  }

  /// Ends a document.
  ///
  /// - Returns: A cell of bytes that are no whole character, if there are any.
  mutating func finish() -> [TextCell] {
    guard tokens > 0 else { return [] }
    defer { (pending, tokens) = ([], 0) }
    return [TextCell(text: Self.shown(pending), tokens: tokens, isControl: false)]
  }

  private static func shown(_ bytes: [UInt8]) -> String {
    var (text, position) = ("", 0)
    var (parser, rest) = (Unicode.UTF8.ForwardParser(), bytes.makeIterator())
    while true {
      switch parser.parseScalar(from: &rest) {
      case .valid(let encoded):
        text.unicodeScalars.append(Unicode.UTF8.decode(encoded))
        position += encoded.count
      case .error(let length):
        for byte in bytes[position..<position + length] {
          let digits = String(byte, radix: 16, uppercase: true)
          text += "<0x" + (digits.count < 2 ? "0" : "") + digits + ">"
        }
        position += length
      case .emptyInput: return text
      }
    }
  }
}
