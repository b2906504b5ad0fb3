internal import ArgumentParser
internal import Files
internal import Tokenization

/// `retnet tokenize encode` prints one line of ids for each line of text.
struct TokenizeEncode: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "encode",
    abstract: "Convert text to ids, one line of ids for each line of text.",
    discussion: """
      Examples:
        retnet tokenize encode -m tokenizer.model notes.txt
        echo "In the beginning" | retnet tokenize encode -m tokenizer.model --output-format pieces

      Each line is encoded with its newline, so the ids are those of the whole text. Decoding restores the text.
      """)

  enum Format: String, CaseIterable, ExpressibleByArgument {
    case ids
    case pieces
    case jsonl
  }

  @OptionGroup var tokenizer: TokenizerOption
  @OptionGroup var global: GlobalOptions

  @Argument(help: "Text file; '-' is standard input.", completion: .file())
  var file = "-"

  @Option(help: "What is printed.")
  var outputFormat = Format.ids

  @Flag(help: "Start the first line with BOS.")
  var bos = false

  @Flag(help: "End the last line with EOS.")
  var eos = false

  @Option(help: ArgumentHelp("How to treat bytes that are not UTF-8.", valueName: "refuse|bytes"))
  var invalid = InvalidText.refuse

  func validate() throws { try CommandFiles().reading("--model", tokenizer.model).reading("FILE", file).check() }

  func run() throws {
    let tokenizer = try tokenizer.load()
    let bosID = try id(tokenizer.bosID, of: "BOS", wanted: bos, tokenizer)
    let eosID = try id(tokenizer.eosID, of: "EOS", wanted: eos, tokenizer)
    try FileRole.text.check(file)
    let text = try readAll(path: file, byteLimit: 1 << 34)
    var encoder = TextEncoder(tokenizer, invalid: invalid, source: StreamPath.inputName(file))
    var ids = bosID.map { [$0] } ?? []
    var start = text.startIndex
    while start < text.endIndex {
      let end = text[start...].firstIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? text.endIndex
      try encoder.append(text.span.extracting(start..<end), to: &ids)
      start = end
      if start == text.endIndex {
        try encoder.finish(to: &ids)
        if let eosID { ids.append(eosID) }
      }
      try write(ids, tokenizer)
      ids.removeAll(keepingCapacity: true)
    }
    if text.isEmpty, bos || eos { try write(ids + (eosID.map { [$0] } ?? []), tokenizer) }
  }

  private func id(_ id: Int32?, of name: String, wanted: Bool, _ tokenizer: Tokenizer) throws -> Int32? {
    guard wanted else { return nil }
    guard let id else { throw CommandError(.badData, "\(tokenizer.path): expected a \(name) token, found none") }
    return id
  }

  private func write(_ ids: [Int32], _ tokenizer: Tokenizer) throws {
    let line =
      switch outputFormat {
      case .ids: ids.map { "\($0)" }.joined(separator: " ")
      case .pieces: ids.map { tokenizer.piece(of: $0) }.joined(separator: " ")
      case .jsonl:
        JSONReport([
          "ids": .list(ids.map { .integer(Int($0)) }), "pieces": .list(ids.map { .text(tokenizer.piece(of: $0)) }),
        ]).line
      }
    try StandardStream.output.write(line + "\n")
  }
}

/// `retnet tokenize decode` converts ids back to text.
struct TokenizeDecode: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "decode",
    abstract: "Convert ids back to text.",
    discussion: """
      Examples:
        retnet tokenize encode -m tokenizer.model notes.txt | retnet tokenize decode -m tokenizer.model
        echo 17 4 99 | retnet tokenize decode -m tokenizer.model

      Ids are separated by spaces or newlines; all lines together give one text.
      """)

  @OptionGroup var tokenizer: TokenizerOption
  @OptionGroup var global: GlobalOptions

  @Argument(help: "File of ids; '-' is standard input.", completion: .file())
  var file = "-"

  func validate() throws { try CommandFiles().reading("--model", tokenizer.model).reading("FILE", file).check() }

  func run() throws {
    let tokenizer = try tokenizer.load()
    try FileRole.ids.check(file)
    let source = StreamPath.inputName(file)
    // Compared as bytes, because a String treats CR LF as one character.
    let text = try readAll(path: file, byteLimit: 1 << 34)
    var ids: [Int32] = []
    for (number, line) in text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
      for bytes in line.split(whereSeparator: { [0x20, 0x09, 0x0D].contains($0) }) {
        let word = String(decoding: bytes, as: UTF8.self)
        guard let id = Int32(word) else {
          throw CommandError(.badData, "\(source): line \(number + 1): expected ids, found '\(word.prefix(40))'")
        }
        ids.append(id)
      }
    }
    try StandardStream.output.write(tokenizer.decode(ids))
  }
}
