import Testing
import Tokenization

/// The rows of a fairseq model in the order of a tokenizer's ids.
@Suite struct FairseqDictionaryTests {
  private func tokenizer(_ change: (inout TokenizerTrainer.Settings) -> Void = { _ in }) throws -> Tokenizer {
    var settings = TokenizerTrainer.Settings(vocabularySize: 290)
    change(&settings)
    var trainer = try TokenizerTrainer(settings)
    // Without line feeds, for which SentencePiece's own models have no piece, and dictionaries no line.
    let text = sampleText(lineCount: 100).map { $0 == UInt8(ascii: "\n") ? UInt8(ascii: " ") : $0 }
    try trainer.append(text.span, source: "text")
    return try Tokenizer(model: trainer.train(), path: "spm")
  }

  private func dictionary(_ text: String) throws -> FairseqDictionary {
    try FairseqDictionary(Array(text.utf8), path: "dict.txt")
  }

  private func lines(_ tokenizer: Tokenizer, _ ids: some Sequence<Int32>) -> String {
    ids.map { "\(tokenizer.piece(of: $0)) 7\n" }.joined()
  }

  @Test func theUsualDictionaryShiftsPiecesByOne() throws {
    let tokenizer = try tokenizer()
    // 287 pieces and four special rows are 291; filled up to 296.
    for size in 291...296 {
      let usual = try #require(FairseqDictionary(usualFor: tokenizer, vocabularySize: size))
      let order = try usual.order(for: tokenizer, vocabularySize: size)
      #expect(order.rows == [3, 0, 2] + Array(4..<291) + [1] + Array(291..<size))
      #expect(order.symbolsWithoutPiece == ["<pad>"] + (0..<size - 291).map { "madeupword000\($0)" })
      // Its text is one that is read as itself.
      let text = try #require(usual.text)
      let again = try FairseqDictionary(text, path: "dict.txt").order(for: tokenizer, vocabularySize: size)
      #expect(again == order)
    }
    for size in [290, 297, 400] { #expect(FairseqDictionary(usualFor: tokenizer, vocabularySize: size) == nil) }
    let other = try self.tokenizer { $0.vocabularySize = 296 }
    #expect(FairseqDictionary(usualFor: other, vocabularySize: 297) != nil)
    #expect(FairseqDictionary(usualFor: other, vocabularySize: 304) != nil)
  }

  @Test func aPieceWithALineBreakHasNoLine() throws {
    var trainer = try TokenizerTrainer(TokenizerTrainer.Settings(vocabularySize: 290))
    try trainer.append(sampleText(lineCount: 100).span, source: "text")
    let tokenizer = try Tokenizer(model: trainer.train(), path: "spm")
    let usual = try #require(FairseqDictionary(usualFor: tokenizer, vocabularySize: 296))
    #expect(usual.text == nil)
    #expect(try usual.order(for: tokenizer, vocabularySize: 296).rows.prefix(4) == [3, 0, 2, 4])
  }

  @Test func piecesAreFoundByTheirSymbols() throws {
    let tokenizer = try tokenizer()
    let ids = Array((3..<Int32(290)).reversed())
    let text =
      lines(tokenizer, ids.prefix(10)) + "</line> 5\n" + lines(tokenizer, ids.dropFirst(10)) + "madeupword0000 0"
    let order = try dictionary(text).order(for: tokenizer, vocabularySize: 296)
    #expect(order.rows.prefix(3) == [3, 0, 2])
    for (place, id) in ids.enumerated() { #expect(order.rows[Int(id)] == 4 + place + (place < 10 ? 0 : 1)) }
    #expect(order.rows.suffix(6) == [1, 14, 292, 293, 294, 295])
    #expect(order.symbolsWithoutPiece == ["<pad>", "</line>", "madeupword0000", "", "", ""])
    #expect(order.rows.sorted() == Array(0..<296))
  }

  @Test func symbolsMayHoldSpacesAndReplaceEarlierOnes() throws {
    let tokenizer = try tokenizer()
    let last = "\(tokenizer.piece(of: 289)) 4 #fairseq:overwrite\n"
    let text = "a b 3\r\n" + lines(tokenizer, [289]) + lines(tokenizer, 3..<289) + last
    let order = try dictionary(text).order(for: tokenizer, vocabularySize: 293)
    #expect(Array(order.rows.prefix(290)) == [3, 0, 2] + Array(6...292))
    #expect(order.symbolsWithoutPiece == ["<pad>", "a b", ""] && order.rows.suffix(3) == [1, 4, 5])
  }

  @Test(arguments: [
    ("a 1\nb\n", 2, "a symbol, a space and a count", "'b'"), ("a 1\n\nb 1\n", 2, "a symbol, a space and a count", "''"),
    ("a x\n", 1, "a symbol, a space and a count", "'a x'"), ("a\t1\n", 1, "a symbol, a space and a count", "'a\t1'"),
    ("a 1\nb 1\na 2\n", 3, "each symbol once", "'a'"), ("<unk> 1\n", 1, "each symbol once", "'<unk>'"),
  ])
  func otherLinesAreRefused(_ text: String, _ line: Int, _ expected: String, _ found: String) {
    let error = TokenizerError.invalidDictionary(path: "dict.txt", line: line, expected: expected, found: found)
    #expect(throws: error) { try dictionary(text) }
  }

  @Test func aDictionaryOfAnotherTokenizerIsRefused() throws {
    let tokenizer = try tokenizer()
    let text = lines(tokenizer, 3..<289)
    #expect(
      throws: TokenizerError.otherDictionary(
        path: "dict.txt", expected: "a row for each of the 290 pieces of spm",
        found: "none for 1: '\(tokenizer.piece(of: 289))'")
    ) { try dictionary(text).order(for: tokenizer, vocabularySize: 296) }
    #expect(
      throws: TokenizerError.otherDictionary(
        path: "dict.txt", expected: "at most 289 symbols, the rows of the model", found: "290")
    ) { try dictionary(text).order(for: tokenizer, vocabularySize: 289) }
  }

  /// Swift's strings compare by canonical equivalence; dictionaries compare bytes.
  @Test func equivalentSymbolsAreDifferent() throws {
    #expect(throws: Never.self) { try dictionary("é 1\ne\u{301} 1\n") }
  }
}
