internal import Glibc

/// The sums over the scored tokens of a text, and the metrics computed from them (docs/MATH.md, eq. 24).
package struct Score: Equatable, Sendable {
  /// Σ -ln p over the scored tokens, in nats.
  package private(set) var nats = 0.0
  /// The index of the first scored token whose loss is not finite; nil: none.
  package private(set) var firstNotFinite: Int?
  /// The number of scored tokens.
  package private(set) var tokens = 0
  /// The bytes of text that these tokens encode.
  package var bytes = 0
  /// The words of that text; nil if they are unknown for some of it.
  package var words: Int? = 0
  private var documents = LossGroups()
  private var blocks = LossGroups()

  package init() {}

  /// Adds a token.
  mutating func add(_ loss: Double) {
    if !loss.isFinite, firstNotFinite == nil { firstNotFinite = tokens }
    nats += loss
    tokens += 1
    documents.add(loss, tokens: 1)
    blocks.add(loss, tokens: 1)
    if blocks.openTokens == Self.blockLength { blocks.end() }
  }

  /// Adds the tokens of a window as one block.
  mutating func addWindow(_ nats: Double, tokens: Int) {
    if !nats.isFinite, firstNotFinite == nil { firstNotFinite = self.tokens }
    self.nats += nats
    self.tokens += tokens
    documents.add(nats, tokens: tokens)
    blocks.add(nats, tokens: tokens)
    blocks.end()
  }

  /// Ends a document; does nothing if none of its tokens was scored.
  mutating func endDocument() { documents.end() }

  /// Nats per token.
  package var loss: Double { nats / Double(tokens) }

  package var perplexity: Double { exp(loss) }

  /// NaN if no bytes are scored.
  package var bitsPerByte: Double { bytes > 0 ? nats / log(2) / Double(bytes) : .nan }

  /// NaN if no bytes are scored.
  package var bytePerplexity: Double { bytes > 0 ? exp(nats / Double(bytes)) : .nan }

  /// nil if the number of words is unknown, or if spaces do not separate words: more than 20 bytes between them on
  /// average, as in Chinese or Thai.
  package var wordPerplexity: Double? {
    words.flatMap { $0 > 0 && bytes > 0 && bytes <= Self.longestMeanWord * $0 ? exp(nats / Double($0)) : nil }
  }

  // Bytes per word: 5 in the King James Bible, 7 in source code, 26 in a Chinese text with some Latin words.
  private static let longestMeanWord = 20

  /// The number of scored tokens of a block.
  package static let blockLength = 512
  /// From so many documents on, they are the units of the standard error.
  private static let enoughDocuments = 30

  /// What the standard error takes as independent.
  package enum ErrorUnit: String, Sendable {
    case documents
    case blocks
  }

  /// Documents if there are at least 30, else blocks of 512 scored tokens, or windows.
  package var errorUnit: ErrorUnit { documents.ended.count >= Self.enoughDocuments ? .documents : .blocks }

  /// The standard error of `loss`: that of a ratio of sums over independent units; NaN with fewer than two.
  package var standardError: Double {
    switch errorUnit {
    case .documents: documents.ended.standardError(of: loss)
    case .blocks: blocks.ended.standardError(of: loss)
    }
  }

  /// All numbers, for a file that resumes an evaluation.
  package struct Record: Codable, Equatable, Sendable {
    package var nats: UInt64
    package var tokens: Int
    package var bytes: Int
    package var words: Int?
    package var documents: [UInt64]
    package var blocks: [UInt64]
  }

  /// The bits of all numbers.
  package var record: Record {
    Record(
      nats: nats.bitPattern, tokens: tokens, bytes: bytes, words: words, documents: documents.record,
      blocks: blocks.record)
  }

  /// A score from its record; nil if the record is no such.
  package init?(_ record: Record) {
    guard record.tokens >= 0, record.bytes >= 0, (record.words ?? 0) >= 0, let documents = LossGroups(record.documents),
      let blocks = LossGroups(record.blocks)
    else { return nil }
    (nats, tokens, bytes, words) = (Double(bitPattern: record.nats), record.tokens, record.bytes, record.words)
    (self.documents, self.blocks) = (documents, blocks)
    guard nats.isFinite else { return nil }
  }
}

/// Sums over groups of tokens, such as documents, of their losses x and token counts t.
private struct LossGroups: Equatable {
  private var openNats = 0.0
  private(set) var openTokens = 0
  private var sums = LossGroupSums()

  init() {}

  mutating func add(_ nats: Double, tokens: Int) {
    openNats += nats
    openTokens += tokens
  }

  /// Ends the open group, if it has tokens.
  mutating func end() {
    sums = ended
    (openNats, openTokens) = (0, 0)
  }

  /// The sums with the open group.
  var ended: LossGroupSums {
    var sums = sums
    if openTokens > 0 { sums.add(openNats, Double(openTokens)) }
    return sums
  }

  var record: [UInt64] {
    [openNats, Double(openTokens), Double(sums.count), sums.xx, sums.xt, sums.tt, sums.t].map(\.bitPattern)
  }

  init?(_ record: [UInt64]) {
    let numbers = record.map { Double(bitPattern: $0) }
    guard numbers.count == 7, let tokens = Int(exactly: numbers[1]), let count = Int(exactly: numbers[2]), tokens >= 0,
      count >= 0
    else { return nil }
    (openNats, openTokens) = (numbers[0], tokens)
    sums = LossGroupSums(count: count, xx: numbers[3], xt: numbers[4], tt: numbers[5], t: numbers[6])
  }
}

/// The sums of closed groups.
private struct LossGroupSums: Equatable {
  var count = 0
  /// Σ x², Σ x t, Σ t², Σ t.
  var (xx, xt, tt, t) = (0.0, 0.0, 0.0, 0.0)

  init() {}

  init(count: Int, xx: Double, xt: Double, tt: Double, t: Double) {
    (self.count, self.xx, self.xt, self.tt, self.t) = (count, xx, xt, tt, t)
  }

  mutating func add(_ nats: Double, _ tokens: Double) {
    count += 1
    xx += nats * nats
    xt += nats * tokens
    tt += tokens * tokens
    t += tokens
  }

  /// √(n / (n - 1) Σ (x - L t)²) / Σ t, the standard error of the ratio L = Σ x / Σ t (Cochran 1977, section 6.4).
  func standardError(of loss: Double) -> Double {
    guard count > 1 else { return .nan }
    let squares = max(0, xx - 2 * loss * xt + loss * loss * tt)
    return (squares * Double(count) / Double(count - 1)).squareRoot() / t
  }
}
