/// The dictionary of a fairseq program, which says what each row of its embedding and head stands for.
///
/// Rows 0 to 3 are `<s>`, `<pad>`, `</s>` and `<unk>`. The lines of `dict.txt` follow, each a symbol and its count.
/// Source: fairseq/data/dictionary.py.
package struct FairseqDictionary: Sendable {
  /// The symbol of each row; empty for a row whose symbol a later line has taken over.
  let symbols: [ArraySlice<UInt8>]
  /// The content of `dict.txt`; nil if a symbol has a line break, which that file cannot hold.
  package let text: [UInt8]?
  /// The path in messages.
  package let path: String

  private static let special = ["<s>", "<pad>", "</s>", "<unk>"].map { ArraySlice($0.utf8) }

  /// Reads a `dict.txt`.
  ///
  /// - Parameters:
  ///   - text: The bytes of the file, which are not trusted.
  ///   - path: The name of the file in errors.
  /// - Throws: `TokenizerError.invalidDictionary`.
  package init(_ text: [UInt8], path: String) throws(TokenizerError) {
    var symbols = Self.special
    var rows = Dictionary(uniqueKeysWithValues: zip(symbols, 0...))
    let lines = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    // What follows the last line feed is no line.
    for (index, line) in (text.last == UInt8(ascii: "\n") ? lines.dropLast() : lines[...]).enumerated() {
      func failure(_ expected: String, _ found: ArraySlice<UInt8>) -> TokenizerError {
        .invalidDictionary(
          path: path, line: index + 1, expected: expected,
          found: "'\(String(decoding: found.prefix(80), as: UTF8.self))'")
      }
      guard let entry = Entry(line) else { throw failure("a symbol, a space and a count", line) }
      if let row = rows[entry.symbol] {
        guard entry.overwrites else { throw failure("each symbol once", entry.symbol) }
        symbols[row] = []
      }
      rows[entry.symbol] = symbols.count
      symbols.append(entry.symbol)
    }
    (self.symbols, self.text, self.path) = (symbols, text, path)
  }

  /// The dictionary that is usually made of a SentencePiece vocabulary: its pieces from id 3 on, then filler. It is nil
  /// if the tokenizer or the number of rows does not fit.
  ///
  /// - Parameters:
  ///   - tokenizer: Its first pieces must be the unknown piece, BOS and EOS.
  ///   - vocabularySize: The rows of the model. fairseq fills the dictionary up to a multiple of eight.
  package init?(usualFor tokenizer: Tokenizer, vocabularySize: Int) {
    let count = tokenizer.vocabularySize + 1
    guard tokenizer.unknownID == 0, tokenizer.bosID == 1, tokenizer.eosID == 2,
      (count...(count + 7) / 8 * 8).contains(vocabularySize)
    else { return nil }
    let pieces = (3..<Int32(tokenizer.vocabularySize)).map { tokenizer.pieceBytes(of: $0) }
    let fillers = (0..<vocabularySize - count).map { ArraySlice("madeupword000\($0)".utf8) }
    symbols = Self.special + pieces + fillers
    let isWritable = !pieces.contains { $0.contains(UInt8(ascii: "\n")) || $0.contains(UInt8(ascii: "\r")) }
    text = isWritable ? (pieces.map { $0 + " 1\n".utf8 } + fillers.map { $0 + " 0\n".utf8 }).flatMap(\.self) : nil
    path = "the usual dictionary"
  }
}

/// A line of `dict.txt`.
private struct Entry {
  let symbol: ArraySlice<UInt8>
  let overwrites: Bool

  /// nil if the line is no symbol with a count.
  init?(_ line: ArraySlice<UInt8>) {
    func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
    var rest = line
    while let last = rest.last, isSpace(last) { rest.removeLast() }
    func takeField() -> ArraySlice<UInt8>? {
      guard let space = rest.lastIndex(of: 0x20) else { return nil }
      defer { rest = rest[..<space] }
      return rest[(space + 1)...]
    }
    guard var field = takeField() else { return nil }
    overwrites = field.elementsEqual("#fairseq:overwrite".utf8)
    if overwrites {
      guard let count = takeField() else { return nil }
      field = count
    }
    guard Int(String(decoding: field, as: UTF8.self)) != nil else { return nil }
    symbol = rest
  }
}

// MARK: - The order of a tokenizer

extension FairseqDictionary {
  /// The rows of a model in the order of a tokenizer's ids.
  package struct Order: Equatable, Sendable {
    /// For each id the row of the model. Ids of the tokenizer first, then the rows that it has no piece for.
    package let rows: [Int]
    /// The symbols of the rows without a piece, in their order; empty for a row without a symbol.
    package let symbolsWithoutPiece: [String]
  }

  /// Finds the row of each piece: by its symbol, or by its purpose for the unknown piece, BOS, EOS and padding.
  ///
  /// - Parameters:
  ///   - tokenizer: Every piece must have a row.
  ///   - vocabularySize: The rows of the model; those beyond the dictionary have no symbol.
  /// - Returns: A permutation of the rows.
  /// - Throws: `TokenizerError.otherDictionary`.
  package func order(for tokenizer: Tokenizer, vocabularySize: Int) throws(TokenizerError) -> Order {
    guard symbols.count <= vocabularySize else {
      throw .otherDictionary(
        path: path, expected: "at most \(vocabularySize) symbols, the rows of the model", found: "\(symbols.count)")
    }
    var rowOfSymbol = Dictionary(zip(symbols, 0...)) { $1 }
    rowOfSymbol[[]] = nil
    var purposes: [Int32: Int] = [:]
    for (id, row) in [
      (tokenizer.unknownID, 3), (tokenizer.bosID, 0), (tokenizer.padID, 1), (tokenizer.eosID, 2),
    ] {
      if let id { purposes[id] = row }
    }
    var rows: [Int] = []
    var missing: [String] = []
    for id in 0..<Int32(tokenizer.vocabularySize) {
      guard let row = rowOfSymbol[tokenizer.pieceBytes(of: id)] ?? purposes[id] else {
        missing.append("'\(tokenizer.piece(of: id))'")
        continue
      }
      rows.append(row)
    }
    guard missing.isEmpty else {
      let names = missing.prefix(5).joined(separator: ", ") + (missing.count > 5 ? ", …" : "")
      throw .otherDictionary(
        path: path, expected: "a row for each of the \(tokenizer.vocabularySize) pieces of \(tokenizer.path)",
        found: "none for \(missing.count): \(names)")
    }
    let taken = Set(rows)
    guard taken.count == rows.count else {
      throw .otherDictionary(path: path, expected: "a row of its own for each piece", found: "one for several pieces")
    }
    let rest = (0..<vocabularySize).filter { !taken.contains($0) }
    return Order(
      rows: rows + rest,
      symbolsWithoutPiece: rest.map { $0 < symbols.count ? String(decoding: symbols[$0], as: UTF8.self) : "" })
  }
}
