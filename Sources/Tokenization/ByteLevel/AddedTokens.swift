/// Finds added tokens in texts, from the left and the longest first.
struct AddedTokens {
  /// A part of a text.
  enum Part {
    case text(ArraySlice<UInt8>)
    case token(Int32)
  }

  /// A tree of bytes: by node and byte, the node behind it. The root is 0.
  private var edges: [UInt64: Int] = [:]
  /// For each node the token that ends there; nil for none.
  private var tokens: [TokenizerFile.AddedToken?] = [nil]
  /// For each byte whether a token starts with it.
  private var firstBytes = [Bool](repeating: false, count: 256)

  /// - Parameter tokens: Their content is not empty.
  init(_ tokens: [TokenizerFile.AddedToken]) {
    for token in tokens {
      firstBytes[Int(token.content[0])] = true
      var node = 0
      for byte in token.content {
        if let next = edges[Self.key(node, byte)] {
          node = next
        } else {
          edges[Self.key(node, byte)] = self.tokens.count
          node = self.tokens.count
          self.tokens.append(nil)
        }
      }
      self.tokens[node] = token
    }
  }

  private static func key(_ node: Int, _ byte: UInt8) -> UInt64 { UInt64(node) << 8 | UInt64(byte) }

  /// Takes the next token off a text, or else what is before it.
  ///
  /// The text of a special token is text. As in `tokenizers`, no other token is found inside it.
  ///
  /// - Parameter rest: The text; the part is removed.
  /// - Returns: The part; nil at the end.
  func next(of rest: inout ArraySlice<UInt8>) -> Part? {
    guard !rest.isEmpty else { return nil }
    var index = rest.startIndex
    while index < rest.endIndex {
      guard firstBytes[Int(rest[index])], let (token, end) = longest(at: index, in: rest) else {
        index += 1
        continue
      }
      if token.isSpecial {
        index = end
        continue
      }
      if index > rest.startIndex { break }
      rest = rest[end...]
      return .token(token.id)
    }
    defer { rest = rest[index...] }
    return .text(rest[..<index])
  }

  private func longest(
    at start: Int, in text: ArraySlice<UInt8>
  ) -> (token: TokenizerFile.AddedToken, end: Int)? {
    var found: (TokenizerFile.AddedToken, Int)?
    var (node, index) = (0, start)
    while index < text.endIndex, let next = edges[Self.key(node, text[index])] {
      node = next
      index += 1
      if let token = tokens[node] { found = (token, index) }
    }
    return found
  }
}
