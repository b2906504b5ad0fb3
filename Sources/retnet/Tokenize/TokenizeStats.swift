internal import ArgumentParser
internal import Corpora
internal import Files
internal import Reports
internal import Tokenization

/// `retnet tokenize stats` compares how tokenizers encode texts.
struct TokenizeStats: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stats",
    abstract: "Show how well tokenizers fit texts.",
    discussion: """
      Examples:
        retnet tokenize stats -m tokenizer.model validation.txt
        retnet tokenize stats -m small.model -m large.model -m gpt2/tokenizer.json a.txt b.txt --svg lengths.svg

      Several tokenizers are shown side by side.
      """)

  @Option(
    name: .shortWithValue("m"),
    help: ArgumentHelp(
      "SentencePiece model or tokenizer.json; or a model file or a run folder, for the tokenizer in it. May be repeated.",
      valueName: "tokenizer.model"),
    completion: .file())
  var model: [String]

  @OptionGroup var global: GlobalOptions

  @Argument(help: "Text files; '-' is standard input.", completion: .file())
  var files: [String]

  @Option(help: ArgumentHelp("The input is JSON lines with the text in this field.", valueName: "text"))
  var jsonlField: String?

  @Option(
    help: ArgumentHelp("What a document is.", valueName: "file|line|blank-line|separator:STR"),
    completion: DocumentRule.completion)
  var documents = "file"

  @Option(help: ArgumentHelp("How to treat bytes that are not UTF-8.", valueName: "refuse|bytes"))
  var invalid = InvalidText.refuse

  @Flag(help: "Print one JSON object.")
  var json = false

  @Option(
    help: ArgumentHelp("Draw how many bytes the tokens stand for, for up to three tokenizers.", valueName: "file"),
    completion: .file(extensions: ["svg"]))
  var svg: String?

  func validate() throws {
    guard DocumentRule(argument: documents) != nil else {
      throw ValidationError("--documents: expected file, line, blank-line or separator:STR, found '\(documents)'")
    }
    if svg != nil, model.count > 3 {
      throw ValidationError("--svg: expected at most three tokenizers, found \(model.count)")
    }
    try CommandFiles().reading("--model", model).reading("FILE", files).writing("--svg", svg).check()
  }

  func run() throws {
    guard let rule = jsonlField.map({ .jsonLines(field: $0) }) ?? DocumentRule(argument: documents) else { return }
    var statistics = try model.map { TokenStatistics(try TokenizerOption.load($0)) }
    if jsonlField == nil { global.warnOfJSONLines(files) }
    var words = WordCounter()
    for path in files {
      let file = try MappedFile(reading: path)
      if invalid == .refuse {
        try file.checkText()
      } else {
        try FileRole.text.check(file)
        if file.byteCount == 0 { throw CorpusError.emptyText(path: file.path) }
      }
      var progress = ProgressLine("stats", unit: "bytes", total: file.byteCount, style: global.progressStyle)
      try Documents(file, rule: rule).forEach { text, done in
        words.append(text)
        words.endText()
        for index in statistics.indices { try statistics[index].append(text, source: file.path, invalid: invalid) }
        progress.update(done: done)
      }
      progress.leaveLine()
    }
    let report = StatisticsReport(files: files.map(StreamPath.inputName), words: words.count, statistics)
    if let svg {
      let file = try AtomicFile(replacing: svg)
      try file.write(Array(report.chart.svg.utf8))
      try file.commit()
    }
    try StandardStream.output.write((json ? report.json.text : report.text) + "\n")
  }
}
