internal import Tokenization

/// Turns a text that comes in blocks into printed lines of ids, one for each line of text.
///
/// Memory is bounded by 1 MiB of text, however long a line is. Only `jsonl` and lists of segmentations need whole lines.
struct EncodedLines {
  private let tokenizer: Tokenizer
  private let format: TokenizeEncode.Format
  private let nbest: Int?
  private let bosID: Int32?
  private let eosID: Int32?
  private var encoder: TextEncoder
  /// The ids of the line that were not printed yet.
  private var ids: [Int32] = []
  /// The best segmentations of the line so far, if they are listed.
  private var best = [Segmentation.empty]
  private var text: [UInt8] = []
  /// Whether the line has text and no newline yet.
  private var isLineOpen = false
  /// Whether a part of the line was printed.
  private var isLineBegun = false
  /// Whether the line waits for more text only because EOS ends the last one.
  private var isLineComplete = false

  init(
    _ encoder: TextEncoder, _ tokenizer: Tokenizer, format: TokenizeEncode.Format, nbest: Int?, bosID: Int32?,
    eosID: Int32?
  ) {
    (self.encoder, self.tokenizer, self.format, self.nbest) = (encoder, tokenizer, format, nbest)
    (self.bosID, self.eosID) = (bosID, eosID)
    append(ids: bosID.map { [$0] } ?? [])
  }

  /// What is to be printed since the last call.
  mutating func takeText() -> [UInt8] {
    defer { text.removeAll(keepingCapacity: true) }
    return text
  }

  /// Encodes the next bytes.
  ///
  /// - Throws: `TokenizerError`.
  mutating func append(_ block: [UInt8]) throws(TokenizerError) {
    var start = 0
    while start < block.count {
      if isLineComplete { endLine() }
      let newline = block[start...].firstIndex(of: UInt8(ascii: "\n"))
      let end = newline.map { $0 + 1 } ?? block.count
      try encode(block.span.extracting(start..<end))
      start = end
      if newline == nil {
        isLineOpen = true
        printPart()
      } else if eosID == nil {
        endLine()
      } else {
        isLineComplete = true
      }
    }
  }

  /// Encodes what was buffered, and ends the last line.
  ///
  /// - Throws: `TokenizerError`.
  mutating func finish() throws(TokenizerError) {
    if nbest == nil {
      try encoder.finish(to: &ids)
    } else {
      try encoder.finish(limit: nbest ?? 1, to: &best)
    }
    append(ids: eosID.map { [$0] } ?? [])
    if isLineOpen || isLineComplete || !ids.isEmpty || !best[0].ids.isEmpty { endLine() }
  }

  private mutating func encode(_ bytes: Span<UInt8>) throws(TokenizerError) {
    if let nbest {
      try encoder.append(bytes, limit: nbest, to: &best)
    } else {
      try encoder.append(bytes, to: &ids)
    }
  }

  /// Appends ids that stand in each segmentation.
  private mutating func append(ids more: [Int32]) {
    if nbest == nil {
      ids += more
    } else {
      for index in best.indices { best[index].ids += more }
    }
  }

  /// Prints what is known of a line that goes on.
  private mutating func printPart() {
    guard nbest == nil, format != .jsonl, !ids.isEmpty else { return }
    text += Array(((isLineBegun ? " " : "") + words(ids)).utf8)
    ids.removeAll(keepingCapacity: true)
    isLineBegun = true
  }

  private mutating func endLine() {
    if nbest != nil {
      for way in best { text += Array((line(way.ids, score: way.score) + "\n").utf8) }
      best = [.empty]
    } else if isLineBegun {
      printPart()
      text.append(UInt8(ascii: "\n"))
    } else {
      text += Array((line(ids, score: nil) + "\n").utf8)
      ids.removeAll(keepingCapacity: true)
    }
    (isLineOpen, isLineBegun, isLineComplete) = (false, false, false)
  }

  private func line(_ ids: [Int32], score: Double?) -> String {
    guard format == .jsonl else { return words(ids) }
    var members: [String: JSONValue] = [
      "ids": .list(ids.map { .integer(Int($0)) }), "pieces": .list(ids.map { .text(tokenizer.piece(of: $0)) }),
    ]
    members["score"] = score.map { .number($0) }
    return JSONReport(members).line
  }

  private func words(_ ids: [Int32]) -> String {
    // A newline inside a piece would end the printed line.
    (format == .pieces
      ? ids.map { tokenizer.piece(of: $0).replacing("\n", with: "<0x0A>") } : ids.map { "\($0)" })
      .joined(separator: " ")
  }
}
