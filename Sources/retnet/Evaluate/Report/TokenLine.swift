internal import Inference
internal import Tokenization

/// The pieces and bytes of tokens, in the order of a text.
struct TokenPieces {
  private let tokenizer: Tokenizer?
  private var isTextStart = true

  /// - Parameter tokenizer: nil: a token's piece is its id.
  init(_ tokenizer: Tokenizer?) { self.tokenizer = tokenizer }

  /// Starts a document: a dummy prefix is no part of its text.
  mutating func startDocument() { isTextStart = true }

  /// The piece as the tokenizer shows it.
  func piece(of id: Int32) -> String {
    guard let tokenizer, Int(id) < tokenizer.vocabularySize else { return "\(id)" }
    return tokenizer.piece(of: id)
  }

  /// The bytes that the next token of a document adds to its text; nil without a tokenizer.
  mutating func nextBytes(_ id: Int32) -> [UInt8]? {
    guard let tokenizer else { return nil }
    var bytes: [UInt8] = []
    if Int(id) < tokenizer.vocabularySize {
      tokenizer.appendBytes(of: id, isTextStart: &isTextStart, to: &bytes)
    }
    return bytes
  }
}

extension [UInt8] {
  /// Appends a token as one line of `tokens.jsonl`, with its keys sorted.
  ///
  /// - Parameters:
  ///   - token: The token.
  ///   - piece: Its piece.
  ///   - bytes: What it adds to the text of its document; nil: unknown.
  mutating func append(line token: ScoredToken, piece: String, bytes: [UInt8]?) {
    append("{\"bytes\":")
    append(bytes.map { "[" + $0.map { "\($0)" }.joined(separator: ",") + "]" } ?? "null")
    append(",\"document\":\(token.document),\"entropy\":\(number(token.score?.entropy)),\"id\":\(token.id)")
    append(",\"log_probability\":\(number(token.score?.logProbability)),\"piece\":")
    append(json: piece)
    append(",\"position\":\(token.position),\"rank\":\(token.score.map { "\($0.rank)" } ?? "null")}\n")
  }

  /// The fewest digits that give the same Float32 back, which is what the model computed.
  private func number(_ value: Double?) -> String {
    value.map { Float($0) }.flatMap { $0.isFinite ? $0.description : nil } ?? "null"
  }
}
