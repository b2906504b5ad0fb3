/// The kind of file that a command expects in a place; the raw value is what messages say was expected.
package enum FileRole: String, CaseIterable, Sendable {
  case model = "a model file"
  case weights = "a model file or weights of another program"
  case state = "a state"
  case tokenizer = "a tokenizer"
  case tokenFile = "a token file"
  /// Ids in the format of another program.
  case binTokens = "token ids of llm.c (.bin)"
  case text = "a text"
  case ids = "ids as text"
  case configuration = "a configuration file"
  case prompts = "prompts as JSON lines"
  /// The rows of a task.
  case rows = "rows as JSON lines"
  /// The `dict.txt` of a fairseq program.
  case dictionary = "a fairseq dictionary"
  /// The `config.json` of weights of another program.
  case settings = "a JSON object"
  case logits = "a safetensors file with input_ids and logits"
  case benchmark = "what retnet bench prints with --output-format json"
  /// An earlier result of `retnet eval`.
  case evaluation = "what retnet eval --json prints"
  /// What `retnet info` describes.
  case subject = "a model, weights of another program, a state, a token file or a tokenizer"

  /// The kinds that its reader handles. For a file of unknown kind, the reader says what is wrong.
  private var kinds: Set<FileKind> {
    switch self {
    case .model: [.safetensors, .other]
    case .weights: [.safetensors, .zip, .legacyTorch, .json, .other]
    case .state: [.safetensors, .other]
    case .tokenizer: [.tokenizer, .tokenizerFile, .json, .other]
    case .tokenFile: [.tokenFile, .other]
    case .binTokens: [.binTokenFile, .other]
    case .text: [.text, .otherText, .webPage, .serverError, .json, .jsonLines, .tokenizerFile, .empty, .other]
    case .ids: [.text, .otherText, .empty, .other]
    case .configuration: [.text, .otherText, .utf16, .json, .empty, .other]
    case .prompts, .rows: [.jsonLines, .json, .text, .otherText, .empty, .other]
    case .dictionary: [.text, .other]
    case .settings: [.json, .other]
    case .logits: [.safetensors, .other]
    case .benchmark, .evaluation: [.json, .text, .otherText, .empty, .other]
    case .subject: [.safetensors, .zip, .legacyTorch, .json, .tokenizer, .tokenizerFile, .tokenFile, .other]
    }
  }

  /// Throws if the file is recognised as something else.
  ///
  /// - Parameter path: The path of a file. Anything but a regular file passes, as does `-`; its reader judges it.
  /// - Throws: `FileError.unexpectedKind`.
  package func check(_ path: String) throws(FileError) {
    if path != "-", let kind = FileKind(path: path) { try check(kind, path) }
  }

  /// Throws if the mapped file is recognised as something else.
  ///
  /// - Parameter file: Any mapped file.
  /// - Returns: What it is.
  /// - Throws: `FileError.unexpectedKind`.
  @discardableResult
  package func check(_ file: MappedFile) throws(FileError) -> FileKind {
    let kind = FileKind(beginning: file.copyBytes(0..<min(file.byteCount, FileKind.beginningByteCount)))
    try check(kind, file.path)
    return kind
  }

  /// Throws if the source, once decompressed, is recognised as something else.
  ///
  /// - Parameters:
  ///   - source: A source of which nothing was read yet.
  ///   - waits: Whether to wait for the first bytes of a stream; otherwise any stream passes, and its reader judges it.
  /// - Throws: `FileError.unexpectedKind`; the errors of reading.
  package func check(_ source: ByteSource, waits: Bool) throws(FileError) {
    guard waits || source.byteCount != nil else { return }
    try check(FileKind(beginning: source.beginning()), source.name)
  }

  private func check(_ kind: FileKind, _ path: String) throws(FileError) {
    if !kinds.contains(kind) { throw .unexpectedKind(path: path, expected: self, found: kind) }
  }
}
