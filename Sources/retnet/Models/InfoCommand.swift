internal import ArgumentParser
internal import Checkpoints
internal import Configurations
internal import Corpora
internal import Files
internal import Inference
internal import Modeling
internal import Retention
internal import Tensors
internal import Tokenization

/// `retnet info` describes a model, a run folder, a state, a token file or a tokenizer.
struct InfoCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "info",
    abstract: "Describe a model, a run, foreign weights, a state, a token file or a tokenizer.",
    discussion: """
      Examples:
        retnet info runs/kjv-small/best.safetensors
        retnet info runs/kjv-small
        retnet info data/kjv/train.tokens --check --json
        retnet info runs/a runs/b

      For weights of other programs, in a file or a folder, it prints the family and the model that convert would make.
      Of two files it prints what differs, and of two models also how far the weights are apart.
      """)

  @Argument(help: "The file, a run folder, or a folder with weights.", completion: .file())
  var file: String

  @Argument(help: ArgumentHelp("A second one, to print the differences.", valueName: "other"), completion: .file())
  var other: String?

  @OptionGroup var global: GlobalOptions

  @Flag(help: "Compute the file's digest and compare it with the stored one.")
  var check = false

  @Flag(help: "Print one JSON object.")
  var json = false

  func validate() throws {
    try CommandFiles().reading("FILE", file).reading("OTHER", other).check()
    if other != nil && check { throw ValidationError("'--check' and a second file cannot be used together") }
  }

  func run() throws {
    if let other { return try compare(file, other) }
    let members = try describe(file)
    let report = JSONReport(Dictionary(uniqueKeysWithValues: members))
    try StandardStream.output.write((json ? report.text : textReport(members)) + "\n")
  }

  /// Prints what differs. Beside something else than a run, a run stands for its model.
  private func compare(_ file: String, _ other: String) throws {
    let areRuns = SavedRun(path: file) != nil && SavedRun(path: other) != nil
    let paths = try [file, other].map { areRuns ? $0 : try modelFile($0, global.talk, takesWeights: true) }
    try InfoDifference(paths[0], try describe(paths[0]), paths[1], try describe(paths[1])).print(json: json)
  }

  private func describe(_ file: String) throws -> [(String, JSONValue)] {
    try describeRun(file) ?? describeFile(file) ?? describeWeights(file)
  }

  /// Describes a run folder; nil for anything else.
  private func describeRun(_ file: String) throws -> [(String, JSONValue)]? {
    guard let run = SavedRun(path: file) else { return nil }
    let checked = check ? [("check", JSONValue.text(try checkDigest(of: ModelHeader(path: run.model().path))))] : []
    return try run.members() + checked
  }

  /// Describes a token file or a tokenizer; nil for anything else.
  private func describeFile(_ file: String) throws -> [(String, JSONValue)]? {
    let mapped: MappedFile
    do {
      mapped = try MappedFile(reading: file)
    } catch .notAFile {
      return nil
    } catch {
      throw error
    }
    let kind = try FileRole.subject.check(mapped)
    if TokenFile.isTokenFile(mapped) { return try describe(TokenFile(mapped)) }
    if StateFile.isState(mapped) {
      let state = try StateFile(mapped)
      let result = state.storedDigest == nil ? "no digest is stored" : "the digest is right"
      return try state.members + (check ? [("check", .text(result))] : [])
    }
    // A tokenizer whose first bytes are unusual is recognised by loading it.
    guard [.tokenizer, .tokenizerFile, .json, .other].contains(kind), mapped.byteCount <= 1 << 28 else { return nil }
    let bytes = mapped.copyBytes(0..<mapped.byteCount)
    if kind == .tokenizer || kind == .tokenizerFile { return describe(try Tokenizer(model: bytes, path: mapped.path)) }
    return (try? Tokenizer(model: bytes, path: mapped.path)).map(describe)
  }

  private func describeWeights(_ file: String) throws -> [(String, JSONValue)] {
    switch try ModelSource(path: file, tables: TableNames(areRequired: false)) {
    case .retnet(let header, _): try describe(header)
    case .foreign(let model): try describe(model)
    }
  }

  private func describe(_ model: ForeignModel) throws -> [(String, JSONValue)] {
    var members: [(String, JSONValue)] = [("kind", .text("foreign weights")), ("family", .text(model.family.name))]
    members += sizes(model.configuration)
    members += [
      ("dtype", .text(model.matrixStorage.word(model.configuration))),
      ("tensor_bytes", .integer(model.weights.tensors.reduce(0) { $0 + $1.byteCount })),
      ("files", .list(model.weights.filePaths.map { .text($0) })),
    ]
    members += model.configuration.settings.map { ($0.name, JSONValue($0.value)) }
    if !model.remarks.isEmpty { members.append(("notes", .list(model.remarks.map { .text($0) }))) }
    if check {
      let digest = try model.computeDigest()
      members.append(("check", .text("no digest is stored; that of the tensors is \(digest)")))
    }
    if global.verbose {
      members.append(
        ("tensors", .list(model.weights.tensors.map { .text("\($0.name) \($0.dataType.rawValue) \($0.shape)") })))
    }
    return members
  }

  private func describe(_ file: TokenFile) throws -> [(String, JSONValue)] {
    if check { try file.verify() }
    return [
      ("kind", .text("token file")), ("tokens", .integer(file.count)), ("documents", .integer(file.documentCount)),
      ("bytes", .integer(file.totalBytes)), ("vocabulary_size", .integer(file.header.vocabularySize)),
      ("eos_id", file.header.eosID.map { .integer(Int($0)) } ?? .null),
      ("tokenizer_digest", .text(file.header.tokenizerDigest.description)),
      ("data_digest", .text(file.dataDigest.description)),
      ("scored_tokens", .integer(try file.scoredCount())),
    ] + (check ? [("check", .text("the data digest is right"))] : [])
  }

  private func describe(_ tokenizer: Tokenizer) -> [(String, JSONValue)] {
    func id(_ id: Int32?) -> JSONValue { id.map { .integer(Int($0)) } ?? .null }
    return [
      ("kind", .text("tokenizer")), ("model_type", .text(tokenizer.algorithmName)),
      ("vocabulary_size", .integer(tokenizer.vocabularySize)), ("unknown_id", id(tokenizer.unknownID)),
      ("bos_id", id(tokenizer.bosID)), ("eos_id", id(tokenizer.eosID)), ("pad_id", id(tokenizer.padID)),
      ("byte_fallback", .boolean(tokenizer.hasByteFallback)), ("normalization", .text(tokenizer.normalization)),
      ("digest", .text(SHA256Digest(of: tokenizer.model).description)),
    ]
  }

  private func describe(_ header: ModelHeader) throws -> [(String, JSONValue)] {
    let provenance = header.provenance
    var members: [(String, JSONValue)] = [("kind", .text("model"))] + sizes(header.configuration)
    members += [("dtype", .text(try header.formatWord)), ("file_bytes", .integer(header.file.byteCount))]
    members += header.configuration.settings.map { ($0.name, JSONValue($0.value)) }
    members += [
      ("seed", provenance.seed.map { .seed($0) } ?? .null),
      ("steps", provenance.steps.map { .integer($0) } ?? .null),
      ("tokens_seen", provenance.tokensSeen.map { .integer($0) } ?? .null),
      ("data_digest", provenance.dataDigest.map { .text($0) } ?? .null),
      ("tool_version", provenance.toolVersion.map { .text($0) } ?? .null),
      ("parent", provenance.parent.map { .text($0) } ?? .null),
      ("family", provenance.family.map { .text($0) } ?? .null),
      (
        "tokenizer_digest",
        header.hasTokenizer ? .text(SHA256Digest(of: try header.tokenizerModel()).description) : .null
      ),
      ("digest", header.storedDigest.map { .text($0.description) } ?? .null),
    ]
    for (role, text) in (provenance.chatTemplate ?? [:]).sorted(by: { $0.key < $1.key }) {
      members.append(("chat_\(role)", .text(String(reflecting: text))))
    }
    if provenance.isOfStop == true { members.append(("of_stop", .boolean(true))) }
    if check { members.append(("check", .text(try checkDigest(of: header)))) }
    if global.verbose {
      members.append(
        ("tensors", .list(header.file.tensors.map { .text("\($0.name) \($0.dataType.rawValue) \($0.shape)") })))
    }
    return members
  }

  /// Parameters by part, the state, the half-life of each head, and the memory to run the model in each format.
  private func sizes(_ c: ModelConfiguration) -> [(String, JSONValue)] {
    let weights = Parameters.descriptions(c)
    let parts = ParameterPart.parts(of: c).map { part in
      (part.name, weights.filter { $0.part == part }.reduce(0) { $0 + $1.shape.count })
    }
    let memory = MatrixStorage.runnable.map { ($0.word(c), JSONValue.integer(c.runningByteCount($0))) }
    let hasDecay = c.decay != .none && c.presentTypes.contains(.retention)
    let halfLives = hasDecay ? Decay(c.decay, heads: c.heads).halfLives : []
    let cache = ModelState.byteCount(c, batch: 1, position: 1) - ModelState.byteCount(c, batch: 1)
    return [
      ("parameters", .integer(weights.reduce(0) { $0 + $1.shape.count })),
      ("parameters_by_part", .object(Dictionary(uniqueKeysWithValues: parts.map { ($0, .integer($1)) }))),
      ("state_numbers", c.stateNumbers.map { .integer($0) } ?? .null),
      ("state_bytes", .integer(Int(ModelState.byteCount(c, batch: 1)))),
      ("state_bytes_per_token", cache > 0 ? .integer(Int(cache)) : .null),
      ("half_life_of_heads_in_tokens", halfLives.isEmpty ? .null : .list(halfLives.map { .number($0) })),
      ("bytes_to_run", .object(Dictionary(memory) { first, _ in first })),
    ]
  }

  private func checkDigest(of header: ModelHeader) throws -> String {
    let found = try header.checkDigest()
    return header.storedDigest == nil ? "no digest is stored; the file's is \(found)" : "the digest is right"
  }
}

/// Formats a report for people: names in a column, null values left out.
///
/// - Parameters:
///   - members: Names and values.
///   - lineWidth: The width of the terminal; nil: any.
/// - Returns: The lines, joined by newlines.
func textReport(_ members: [(String, JSONValue)], lineWidth: Int? = StandardStream.output.lineWidth) -> String {
  let width = members.map(\.0.count).max() ?? 0
  return members.filter { $0.1 != .null }.map { name, value in
    let name = name.replacing("_", with: " ")
    // A seed is copied, not read.
    let text = name == "seed" ? value.ungrouped : value.plain
    let line = name.padded(to: width + 2) + text
    // A digest that does not fit next to its name gets its own line.
    if let lineWidth, line.count > lineWidth, !text.contains(where: \.isWhitespace) { return "\(name)\n  \(text)" }
    return line.wrapped(to: lineWidth, indent: String(repeating: " ", count: width + 2))
  }.joined(separator: "\n")
}

extension JSONValue {
  /// Converts a configuration value for a report.
  init(_ value: ConfigurationValue) {
    switch value {
    // Only a seed can be so large that JSON readers would round it.
    case .integer(let integer): self = integer > 1 << 53 ? .seed(UInt64(integer)) : .integer(integer)
    case .number(let number): self = .number(number)
    case .boolean(let boolean): self = .boolean(boolean)
    case .text(let text): self = .text(text)
    case .list(let texts): self = .list(texts.map { .text($0) })
    case .records(let records): self = .list(records.map { .object($0.mapValues { JSONValue($0) }) })
    case .null: self = .null
    }
  }

  /// A text without spaces, such as the type of a layer.
  private var isWord: Bool {
    if case .text(let text) = self { !text.contains(" ") } else { false }
  }

  private var isNumber: Bool {
    switch self {
    case .integer, .number: true
    default: false
    }
  }

  fileprivate var ungrouped: String {
    guard case .integer(let integer) = self else { return plain }
    return "\(integer)"
  }

  /// The value for people in one line.
  var forPeople: String {
    switch self {
    case .null: "none"
    case .list(let items): items.map(\.plain).joined(separator: ", ")
    default: plain
    }
  }

  /// The value for people: large integers with separators, lists one item per line.
  fileprivate var plain: String {
    switch self {
    case .integer(let integer): grouped(integer)
    // Six digits are enough for people; the JSON has them all.
    case .number(let number): "\(number)".count <= 9 ? "\(number)" : "\(number.rounded(toDigits: 6))"
    case .boolean(let boolean): boolean ? "yes" : "no"
    case .text(let text): text
    case .list(let items):
      items.allSatisfy { $0.isNumber || $0.isWord }
        ? items.map(\.plain).joined(separator: ", ") : items.map { "\n  " + $0.plain }.joined()
    case .object(let members):
      members.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value.plain)" }.joined(separator: ", ")
    case .null: ""
    }
  }
}

extension MatrixStorage {
  /// The formats in which a model runs.
  fileprivate static let runnable: [MatrixStorage] = [
    .numbers(.float32), .numbers(.bfloat16), .quantized(.q8_0), .quantized(.q4_0),
  ]
}

extension ModelConfiguration {
  /// Bytes to generate text: weights, one state, and the memory of a step of sixteen tokens.
  fileprivate func runningByteCount(_ storage: MatrixStorage) -> Int {
    let weights = Parameters.descriptions(self).reduce(0) { sum, weight in
      let format = storage.storage(of: weight).weightFormat ?? .float32
      return sum + format.byteCount(weight.shape.count) + format.scaleByteCount(weight.shape.count)
    }
    return weights
      + Int(
        ModelState.byteCount(self, batch: 1)
          + InferenceMemory.byteCount(self, form: .recurrent, batch: 1, time: 16, workers: 1))
  }
}
