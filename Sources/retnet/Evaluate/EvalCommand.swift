internal import ArgumentParser
internal import Corpora
internal import Files
internal import Inference
internal import Modeling
internal import Tokenization

/// `retnet eval` measures perplexity and bits per byte of texts under a model.
struct EvalCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "eval",
    abstract: "Measure the perplexity and bits per byte of texts.",
    discussion: """
      Examples:
        retnet eval -m runs/kjv-small/best.safetensors data/kjv/validation.txt
        retnet eval -m model.safetensors test.txt --json --fail-above 40

      Every token is scored given all tokens before it in its document, in one pass and in constant memory.
      """)

  enum Form: String, CaseIterable, ExpressibleByArgument {
    case auto
    case parallel
    case chunkwise
    case recurrent
  }

  @OptionGroup var model: ModelOption
  @OptionGroup var global: GlobalOptions

  @Argument(
    help: ArgumentHelp("Text or token files; '-' is standard input.", valueName: "file"), completion: .file())
  var files: [String]

  @Option(help: "Form of retention; auto is chunkwise. All give the same result up to rounding.")
  var form = Form.auto

  @Option(help: ArgumentHelp("Chunk length of the chunkwise form, 1 to 65536.", valueName: "c"))
  var chunkLength: Int?

  @Option(
    help: ArgumentHelp("What a document of a text is.", valueName: "file|line|blank-line|separator:STR"),
    completion: DocumentRule.completion)
  var documents = "file"

  @Flag(inversion: .prefixedNo, help: "Start documents with BOS (default: as the model's configuration says).")
  var bos: Bool?

  @Option(help: ArgumentHelp("Exit with status 1 if the perplexity per token is above this.", valueName: "ppl"))
  var failAbove: Double?

  @Flag(help: "Print one JSON object.")
  var json = false

  @Option(
    name: .customLong("report"),
    help: ArgumentHelp(
      "Also write where the loss is to this folder: charts, tables, every token, and a page.", valueName: "folder"),
    completion: .directory)
  var reportFolder: String?

  func validate() throws {
    try CommandFiles().reading("--model", model.model).reading("FILE", files).writingFolder("--report", reportFolder)
      .check()
    if let chunkLength, !(1...65_536).contains(chunkLength) {
      throw ValidationError("--chunk-length: expected 1 to 65536, found \(chunkLength)")
    }
    if chunkLength != nil, form == .parallel || form == .recurrent {
      throw ValidationError("--chunk-length: the \(form) form has no chunks")
    }
    if let failAbove, !(failAbove > 0) {
      throw ValidationError("--fail-above: expected more than 0, found \(failAbove)")
    }
    guard DocumentRule(argument: documents) != nil else {
      throw ValidationError("--documents: expected file, line, blank-line or separator:STR, found '\(documents)'")
    }
  }

  func run() throws {
    guard let rule = DocumentRule(argument: documents) else { return }
    let pool = try global.makePool()
    global.warnOfJSONLines(files, advice: "'retnet tokenize pack --jsonl-field NAME' reads the text from a field")
    let inputs = try files.map { try TextInput(path: $0) }
    let loaded = try LoadedModel(path: try modelFile(model.model, global.talk), isWidened: true)
    let lossReport = try reportFolder.map { try LossReport(folder: $0, of: files) }
    Machine.warnOfSlowBLAS(global.talk)
    if let note = loaded.tokenizerNote { global.say(note) }
    guard bos != true || loaded.header.configuration.bosID != nil else {
      throw CommandError(.badData, "\(model.model): --bos: the model has no BOS token")
    }
    let ownBOS = loaded.header.configuration.bosID.map { Int32($0) }
    let bosID = bos.map { $0 ? ownBOS : nil } ?? loaded.bosID
    let note = loaded.header.configuration.scoreNormNote("this form leaves it out; --form parallel does not")
    if let note, retentionForm != .parallel { global.say(note) }

    var meter = PerplexityMeter(
      loaded.network, form: retentionForm, scoredBytes: ScoredBytes(loaded.tokenizer), on: pool)
    let sizes = inputs.compactMap(\.byteCount)
    var progress = ProgressLine(
      "eval", unit: "bytes", total: sizes.count == inputs.count ? sizes.reduce(0, +) : nil,
      style: global.progressStyle)
    var (bytesBefore, bytes) = (0, 0)
    let start = ContinuousClock.now
    for input in inputs {
      let show = { (position: Int) in
        bytes = position
        progress.update(done: bytesBefore + position)
      }
      try input.forEachPart(of: loaded.header, loaded.tokenizer, rule: rule, eosID: loaded.eosID, progress: show) {
        part in
        switch part {
        case .start: meter.startDocument(bos: bosID)
        case .ids(let ids): meter.append(ids)
        case .masked(let ids, let unscored): meter.append(ids, unscored: unscored)
        case .end(let bytes, let words): meter.count(bytes: bytes, words: words)
        }
        if let place = meter.score.firstNotFinite { throw loaded.notFinite("of scored token \(place + 1)", state: nil) }
      }
      bytesBefore += bytes
    }
    meter.finishSegment()
    if let place = meter.score.firstNotFinite { throw loaded.notFinite("of scored token \(place + 1)", state: nil) }
    progress.leaveLine()
    guard meter.score.tokens > 0 else {
      throw CommandError(
        .badData,
        "\(files.joined(separator: ", ")): expected documents of two tokens or more, as the first is not scored without "
          + "BOS, found none")
    }
    let report = EvalReport(
      score: meter.score, seconds: (ContinuousClock.now - start).inSeconds, form: retentionForm,
      startsWithBOS: bosID != nil,
      files: files, model: loaded)
    try StandardStream.output.write((json ? report.json.text : report.text()) + "\n")
    let text = ReportText(files: files, model: loaded, documents: rule)
    try lossReport?.write(
      Evaluation(text: text, form: retentionForm, bosID: bosID, score: meter.score), global, on: pool)
    if let failAbove, !(meter.score.perplexity <= failAbove) {
      global.say("eval: perplexity \(meter.score.perplexity) is above \(failAbove)")
      throw ExitStatus.checkFailed.exit
    }
  }

  private var retentionForm: RetentionForm {
    switch form {
    case .parallel: .parallel
    case .recurrent: .recurrent
    case .auto, .chunkwise: .chunkwise(chunkLength: chunkLength ?? 128)
    }
  }
}
