internal import ArgumentParser
internal import Corpora
internal import Files
internal import FoundationEssentials
internal import Inference
internal import Modeling
internal import Tasks
internal import Tensors
internal import Training

/// `retnet eval` measures perplexity and bits per byte of texts, or the accuracy on tasks.
struct EvalCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "eval",
    abstract: "Measure the perplexity of texts, or the accuracy on tasks.",
    discussion: """
      Examples:
        retnet eval -m runs/kjv-small/best.safetensors data/kjv/validation.txt
        retnet eval -m old.safetensors -m new.safetensors test.txt --compare before.json --max-increase 1%
        retnet eval -m model.safetensors long.txt --progress long.progress
        retnet eval -m model.safetensors --tasks hellaswag,piqa --data tasks --num-fewshot 4 --results results.json

      Every token is scored given all tokens before it in its document, in one pass and in constant memory.
      docs/EVALUATION.md says what each figure means, and which are comparable.
      """)

  enum Form: String, CaseIterable, ExpressibleByArgument {
    case auto
    case parallel
    case chunkwise
    case recurrent
  }

  @Option(
    name: .shortWithValue("m"),
    help: ArgumentHelp(
      "Model file, or a run folder for its best model; several give a table.", valueName: "model.safetensors"),
    completion: .file())
  var model: [String]

  @OptionGroup var global: GlobalOptions

  @Argument(
    help: ArgumentHelp("Text or token files, a result each; '-' is standard input.", valueName: "file"),
    completion: .file())
  var files: [String] = []

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

  @Option(
    help: ArgumentHelp(
      "Precision of products with Float32 weights; auto: bf16 if the CPU has an instruction.",
      valueName: "f32|bf16|auto"
    ))
  var precision = TrainingPrecision.float32

  @OptionGroup(title: "Windows") var windows: WindowOptions
  @OptionGroup(title: "Tasks") var tasks: TaskOptions
  @OptionGroup(title: "Checks") var checks: CheckOptions

  @Option(
    help: ArgumentHelp("Write the progress here each minute and at a stop, and resume from it.", valueName: "file"),
    completion: .file())
  var progress: String?

  @Flag(help: "Print one JSON object.")
  var json = false

  @Option(
    name: .customLong("report"),
    help: ArgumentHelp(
      "Also write where the loss of the first text under the first model is to this folder: charts, tables, every token, and a page.",
      valueName: "folder"),
    completion: .directory)
  var reportFolder: String?

  func validate() throws {
    try CommandFiles().reading("--model", model).reading("FILE", files).reading("--compare", checks.compare)
      .writing("--progress", progress).writing("--results", tasks.results).writing("--log-samples", tasks.logSamples)
      .writing("--junit", checks.junit).writingFolder("--report", reportFolder).check()
    if let chunkLength, !(1...65_536).contains(chunkLength) {
      throw ValidationError("--chunk-length: expected 1 to 65536, found \(chunkLength)")
    }
    if chunkLength != nil, form == .parallel || form == .recurrent {
      throw ValidationError("--chunk-length: the \(form) form has no chunks")
    }
    guard DocumentRule(argument: documents) != nil else {
      throw ValidationError("--documents: expected file, line, blank-line or separator:STR, found '\(documents)'")
    }
    if model.isEmpty { throw ValidationError("expected a model, found none: -m MODEL") }
    if tasks.tasks == nil, files.isEmpty { throw ValidationError("expected a text, found none: FILE or --tasks") }
    if let name = clash { throw ValidationError(name) }
  }

  /// Why two options do not go together.
  private var clash: String? {
    if tasks.tasks != nil {
      if !files.isEmpty { return "--tasks: expected no FILE, found '\(files[0])'" }
      if model.count > 1 { return "--tasks: expected one model, found \(model.count)" }
      let others = [
        ("--window", windows.window != nil), ("--progress", progress != nil), ("--fail-above", checks.failAbove != nil),
        ("--form", form != .auto), ("--chunk-length", chunkLength != nil), ("--documents", documents != "file"),
        ("--report", reportFolder != nil),
      ]
      return others.first(where: \.1).map { "'--tasks' and '\($0.0)' cannot be used together" }
    }
    if windows.window != nil {
      if form != .auto || chunkLength != nil { return "--window: windows are read in the chunkwise form of length 128" }
      if progress != nil { return "'--window' and '--progress' cannot be used together" }
      if reportFolder != nil { return "'--window' and '--report' cannot be used together" }
    }
    if reportFolder != nil, precision.products != .float32 {
      return "--report: expected --precision f32, in which the report is measured, found \(precision.rawValue)"
    }
    if progress != nil {
      if form == .parallel { return "--progress: the parallel form reads a document as a whole" }
      if files.count * model.count > 1 { return "--progress: expected one model and one FILE, found more" }
    }
    if model.count > 1, files.contains(where: { StreamPath.isStandardInput($0) }) {
      return "FILE: standard input can be read once only, and there are \(model.count) models"
    }
    return nil
  }

  func run() throws {
    let pool = try global.makePool()
    if progress != nil || tasks.tasks != nil { StopSignals.listen() }
    Machine.warnOfSlowBLAS(global.talk)
    try tasks.tasks == nil ? evaluateTexts(on: pool) : evaluateTasks(on: pool)
  }

  private func load(_ path: String) throws -> LoadedModel {
    let loaded = try LoadedModel(path: try modelFile(path, global.talk), isWidened: true)
    if let note = loaded.tokenizerNote { global.say(note) }
    guard bos != true || loaded.header.configuration.bosID != nil else {
      throw CommandError(.badData, "\(path): --bos: the model has no BOS token")
    }
    let note = loaded.header.configuration.scoreNormNote("this form leaves it out; --form parallel does not")
    if let note, method.form != .parallel { global.say(note) }
    if loaded.header.configuration.seesWholeText, method.windows == nil, tasks.tasks == nil {
      global.say(
        "note: \(path): attention looks back over a whole document here, also beyond the length it was trained on; '--window W' reads windows of W tokens"
      )
    }
    return loaded
  }

  private var method: EvaluationMethod {
    let form: RetentionForm =
      switch form {
      case .parallel: .parallel
      case .recurrent: .recurrent
      case .auto, .chunkwise: .chunkwise(chunkLength: chunkLength ?? 128)
      }
    return EvaluationMethod(
      form: form, windows: windows.windows, documents: DocumentRule(argument: documents) ?? .file, bos: bos,
      precision: precision.products)
  }

  // MARK: - Texts

  private func evaluateTexts(on pool: WorkerPool) throws {
    global.warnOfJSONLines(files, advice: "'retnet tokenize pack --jsonl-field NAME' reads the text from a field")
    let earlier = try checks.earlierRows(count: model.count * files.count)
    // Whatever cannot be opened is known before the first evaluation.
    let inputs = try files.map { try TextInput(path: $0, stopsAtSignals: progress != nil) }
    let junit = try checks.junit.map { try AtomicFile(replacing: $0) }
    let lossReport = try reportFolder.map { try LossReport(folder: $0, of: files[0]) }
    var reports: [EvalReport] = []
    for (index, path) in model.enumerated() {
      let loaded = try load(path)
      if progress != nil { try loaded.checkStates("--progress") }
      for (file, opened) in zip(files, inputs) {
        // A text is read once.
        let input = index == 0 ? opened : try TextInput(path: file)
        let (score, seconds) = try TextEvaluation(
          model: loaded, method: method, progressPath: progress, global: global
        ).score(input, path: file, on: pool)
        reports.append(
          EvalReport(
            score: score, seconds: seconds, method: method, startsWithBOS: method.bosID(loaded) != nil, file: file,
            model: loaded, peakMemory: PeakMemory.bytes))
      }
    }
    let text = json ? EvalReport.json(reports).text : reports.count == 1 ? reports[0].text() : EvalReport.table(reports)
    try StandardStream.output.write(text + "\n")
    try lossReport?.write(Evaluation(reports[0]), global, on: pool)
    // What was printed needs no resuming.
    if let progress, fileExists(path: progress) { try removeFile(path: progress) }
    let seconds = reports.reduce(0) { $0 + $1.seconds }
    try checks.report(checks.checks(reports, earlier: earlier), seconds: seconds, to: junit, global)
  }

  // MARK: - Tasks

  private func evaluateTasks(on pool: WorkerPool) throws {
    let earlier = try checks.earlierResults()
    let rows = try tasks.rows()
    let junit = try checks.junit.map { try AtomicFile(replacing: $0) }
    let resultsFile = try tasks.results.map { try AtomicFile(replacing: $0) }
    let loaded = try load(model[0])
    let evaluation = TaskEvaluation(
      model: loaded, bosID: method.bosID(loaded), precision: method.precision, global: global)
    for task in rows { try evaluation.checkIDs(task) }
    let log = try tasks.logSamples.map { try TaskSampleLog(path: $0) }
    let date = Date().timeIntervalSince1970
    let results = try rows.map { try evaluation.result($0, log: log, on: pool) }
    let report = TaskReport(
      results: results, model: loaded, options: tasks, startsWithBOS: method.bosID(loaded) != nil,
      precision: method.precisionName, date: date)
    try log?.commit()
    try resultsFile?.write(Array((report.json.text + "\n").utf8))
    try resultsFile?.commit()
    try StandardStream.output.write((json ? report.json.text : report.table + "\n" + report.method) + "\n")
    let seconds = results.reduce(0) { $0 + $1.seconds }
    try checks.report(checks.checks(report, earlier: earlier), seconds: seconds, to: junit, global)
  }
}

extension TrainingPrecision: ExpressibleByArgument {}
