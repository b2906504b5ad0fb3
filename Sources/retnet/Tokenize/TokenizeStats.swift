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

  @OptionGroup var texts: CorpusOptions
  @OptionGroup var documents: DocumentOptions
  @OptionGroup var global: GlobalOptions

  @Argument(
    help: "Texts, UTF-8, also as gzip, zstd or xz: files, folders with all in them; '-' is standard input.",
    completion: .file())
  var files: [String]

  @Flag(help: "Print one JSON object.")
  var json = false

  @Option(
    help: ArgumentHelp("Draw how many bytes the tokens stand for, for up to three tokenizers.", valueName: "file"),
    completion: .file(extensions: ["svg"]))
  var svg: String?

  func validate() throws {
    if svg != nil, model.count > 3 {
      throw ValidationError("--svg: expected at most three tokenizers, found \(model.count)")
    }
    try CommandFiles().reading("--model", model).reading("FILE", files).writing("--svg", svg).check()
  }

  func run() throws {
    var statistics = try model.map { TokenStatistics(try TokenizerOption.load($0)) }
    let corpus = try texts.corpus(
      files, rule: documents.rule, isChecked: documents.invalid == .refuse, outputs: [("--svg", svg)], global)
    var words = WordCounter()
    var progress = ProgressLine("stats", unit: "bytes", total: corpus.byteCount, style: global.progressStyle)
    try corpus.forEachPiece { text, isEnd, name in
      words.append(text)
      if isEnd { words.endText() }
      for index in statistics.indices {
        try statistics[index].append(text, isEnd: isEnd, source: name, invalid: documents.invalid)
      }
      progress.update(done: corpus.position)
    }
    progress.leaveLine()
    global.sayWhatWasSkipped(corpus)
    let report = StatisticsReport(files: corpus.paths.map(StreamPath.inputName), words: words.count, statistics)
    if let svg {
      try AtomicFile.write(Array(report.chart.svg.utf8), replacing: svg)
    }
    try StandardStream.output.write((json ? report.json.text : report.text) + "\n")
  }
}
