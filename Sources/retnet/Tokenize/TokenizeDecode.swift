internal import ArgumentParser
internal import Files
internal import Tokenization

/// `retnet tokenize decode` converts ids back to text.
struct TokenizeDecode: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "decode",
    abstract: "Convert ids back to text.",
    discussion: """
      Examples:
        retnet tokenize encode -m tokenizer.model notes.txt | retnet tokenize decode -m tokenizer.model
        echo 17 4 99 | retnet tokenize decode -m tokenizer.model

      Ids are separated by spaces or newlines; all lines together give one text, which is printed as they come.
      """)

  @OptionGroup var tokenizer: TokenizerOption
  @OptionGroup var global: GlobalOptions

  @Argument(help: "File of ids, also as gzip, zstd or xz; '-' is standard input.", completion: .file())
  var file = "-"

  func validate() throws { try CommandFiles().reading("--model", tokenizer.model).reading("FILE", file).check() }

  func run() throws {
    let tokenizer = try tokenizer.load()
    let source = try ByteSource(path: file)
    try FileRole.ids.check(source, waits: false)
    var words = IDWords(source: source.name)
    var isTextStart = true
    // A space that ends the text is not part of it, if the tokenizer adds one there.
    var heldBack: [UInt8] = []
    while let ids = try words.next(after: source.next()) {
      var text = heldBack
      heldBack = []
      for id in ids {
        try tokenizer.checkID(id)
        tokenizer.appendBytes(of: id, isTextStart: &isTextStart, to: &text)
      }
      if tokenizer.hasDummySuffix, text.last == UInt8(ascii: " ") { heldBack = [text.removeLast()] }
      try StandardStream.output.write(text)
    }
  }
}

/// Reads ids as text that comes in blocks.
private struct IDWords {
  /// The name of the text in errors.
  let source: String
  private var line = 1
  /// A word that may go on in the next block.
  private var word: [UInt8] = []
  private var isAtEnd = false

  /// Longer words are no ids.
  private static let longestWord = 40

  init(source: String) { self.source = source }

  /// The ids that a block completes.
  ///
  /// - Parameter block: The next bytes; nil at the end.
  /// - Returns: Any number of ids; nil after the end.
  /// - Throws: `CommandError` for a word that is no id.
  mutating func next(after block: [UInt8]?) throws -> [Int32]? {
    guard !isAtEnd else { return nil }
    isAtEnd = block == nil
    var ids: [Int32] = []
    for byte in block ?? [UInt8(ascii: " ")] {
      // Compared as bytes, because a String treats CR LF as one character.
      if [0x20, 0x09, 0x0D, 0x0A].contains(byte) {
        if !word.isEmpty { ids.append(try takeID()) }
        if byte == 0x0A { line += 1 }
      } else {
        word.append(byte)
        if word.count > Self.longestWord { ids.append(try takeID()) }
      }
    }
    return ids
  }

  private mutating func takeID() throws -> Int32 {
    let text = String(decoding: word, as: UTF8.self)
    guard word.count <= Self.longestWord, let id = Int32(text) else {
      throw CommandError(.badData, "\(source): line \(line): expected ids, found '\(text.prefix(Self.longestWord))'")
    }
    word.removeAll(keepingCapacity: true)
    return id
  }
}
