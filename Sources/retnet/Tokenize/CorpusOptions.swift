internal import ArgumentParser
internal import Corpora
internal import Files
internal import Tokenization

/// The option `--input`.
struct InputOption: ParsableArguments {
  @Option(
    name: .customLong("input"), parsing: .upToNextOption,
    help: "Texts, UTF-8, also as gzip, zstd or xz: files, folders with all in them; '-' is standard input.",
    completion: .file())
  var paths: [String]
}

/// How texts are split into documents, and what their bytes may be.
struct DocumentOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("What a document is.", valueName: "file|line|blank-line|separator:STR"),
    completion: DocumentRule.completion)
  var documents = "file"

  @Option(help: ArgumentHelp("How to treat bytes that are not UTF-8.", valueName: "refuse|bytes"))
  var invalid = InvalidText.refuse

  func validate() throws {
    guard DocumentRule(argument: documents) != nil else {
      throw ValidationError("--documents: expected file, line, blank-line or separator:STR, found '\(documents)'")
    }
  }

  /// The rule that `documents` names.
  var rule: DocumentRule { DocumentRule(argument: documents) ?? .file }
}

/// Which texts of a corpus are read, and how.
struct CorpusOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Read only files of folders with such names.", valueName: "'*.txt'"))
  var pattern: String?

  @Option(help: ArgumentHelp("The input is JSON lines with the text in this field.", valueName: "text|meta.text"))
  var jsonlField: String?

  @Option(help: ArgumentHelp("What to do about files and lines that cannot be read.", valueName: "skip|stop"))
  var onError = Corpus.ErrorRule.stop

  /// Lists the texts.
  ///
  /// - Parameters:
  ///   - paths: Files, folders, `-`.
  ///   - rule: How texts are split into documents, if they are not JSON lines.
  ///   - isChecked: Whether they must be UTF-8 without zero bytes.
  ///   - isJSON: Whether they are JSON lines without `--jsonl-field`.
  ///   - outputs: The files that are written, with the names of their flags; none may be one of the texts.
  ///   - global: Where warnings go.
  /// - Returns: The texts.
  /// - Throws: `FileError` for folders; `CommandError` for an output that is a text.
  func corpus(
    _ paths: [String], rule: DocumentRule = .file, isChecked: Bool = true, isJSON: Bool = false,
    outputs: [(name: String, path: String?)],
    _ global: GlobalOptions
  ) throws -> Corpus {
    var options = Corpus.Options()
    options.pattern = pattern
    options.rule = jsonlField.map { .jsonLines(field: $0) } ?? rule
    options.isChecked = isChecked
    options.errors = onError
    let corpus = try Corpus(paths, options) { error in
      global.say("warning: skipped: \(CommandError(error)?.message ?? "\(error)")")
    }
    var files = CommandFiles().reading("--input", corpus.paths)
    for output in outputs { files = files.writing(output.name, output.path) }
    try files.checkLate()
    if jsonlField == nil, !isJSON { global.warnOfJSONLines(corpus.paths) }
    return corpus
  }
}

extension Corpus.ErrorRule: ExpressibleByArgument {}

extension GlobalOptions {
  /// Says how much of a corpus was left out, if anything was.
  func sayWhatWasSkipped(_ corpus: Corpus) {
    guard corpus.skippedFiles + corpus.skippedRecords > 0 else { return }
    say("skipped \(grouped(corpus.skippedFiles)) files and \(grouped(corpus.skippedRecords)) lines of JSON")
  }
}
