internal import ArgumentParser
internal import Files
internal import Inference
internal import Modeling
internal import Tokenization

/// The options that give the prompt.
struct PromptOptions: ParsableArguments {
  @Option(
    name: .shortWithValue("p"), parsing: .unconditional,
    help: "The prompt; '-' reads standard input (default: empty).")
  var prompt: String?

  @Option(name: .shortWithValue("f"), help: "Read the prompt from a file.", completion: .file())
  var file: String?

  @Option(
    help: ArgumentHelp("The prompt as token ids, separated by commas; no BOS is added.", valueName: "1,42,7"))
  var promptIds: TokenIDs?

  @Flag(help: "Print the prompt before its continuation.")
  var displayPrompt = false

  func validate() throws {
    let given = [prompt != nil, file != nil, promptIds != nil].count { $0 }
    if given > 1 { throw ValidationError("'--prompt', '--file' and '--prompt-ids' cannot be used together") }
    if promptIds != nil && displayPrompt {
      throw ValidationError("'--display-prompt' and '--prompt-ids' cannot be used together")
    }
  }

  /// Whether there is a prompt.
  var isGiven: Bool { prompt != nil || file != nil || promptIds != nil }

  /// The path that the prompt is read from; nil if it is on the command line.
  var path: String? { file ?? (prompt == StreamPath.dash ? StreamPath.dash : nil) }

  /// Opens the prompt.
  ///
  /// - Throws: `FileError` if there is no such file.
  func open() throws -> PromptReader {
    if let path {
      let text = try ByteSource(path: path)
      try FileRole.text.check(text, waits: false)
      return PromptReader(source: .file(text), echoes: displayPrompt, name: StreamPath.inputName(path))
    }
    if let promptIds { return PromptReader(source: .ids(promptIds.ids), echoes: false, name: "--prompt-ids") }
    return PromptReader(source: .text(Array((prompt ?? "").utf8)), echoes: displayPrompt, name: "prompt")
  }
}

/// Feeds a prompt into a generator piece by piece, because it may be longer than memory.
struct PromptReader {
  enum Source {
    case text([UInt8])
    case file(ByteSource)
    case ids([Int32])
    case end
  }

  private var source: Source
  private let echoes: Bool

  /// The name in error messages.
  private let name: String
  /// The last ids that were read or reused, for penalties.
  private(set) var tokens = RecentTokens()

  fileprivate init(source: Source, echoes: Bool, name: String) {
    self.source = source
    self.echoes = echoes
    self.name = name
  }

  /// The ids of a prompt in memory, as `read` reads them into an empty generator.
  ///
  /// - Parameters:
  ///   - text: The prompt.
  ///   - source: The name in error messages.
  ///   - model: The model.
  /// - Returns: The ids, at least one, and whether what follows starts a text.
  /// - Throws: `TokenizerError`; `CommandError` if there is nothing to start from.
  static func ids(
    _ text: String, source: String, _ model: LoadedModel
  ) throws -> (ids: [Int32], isTextStart: Bool) {
    let tokenizer = try model.tokenizer(for: source)
    let ids = (model.bosID.map { [$0] } ?? []) + (try tokenizer.encode(Array(text.utf8), source: source))
    return (ids.isEmpty ? [try model.bosToStartFrom()] : ids, text.isEmpty)
  }

  /// Replaces the prompt by a text made from it, without the newline at its end.
  ///
  /// - Parameter make: Makes the text from the prompt.
  /// - Throws: If the source cannot be read or is not UTF-8.
  mutating func frame(_ make: (String) -> String) throws {
    var bytes: [UInt8] = []
    while let block = try next() { bytes += block }
    if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw CommandError(.badData, "\(name): expected UTF-8, found other bytes")
    }
    source = .text(Array(make(text).utf8))
  }

  /// Thrown if a handled signal arrived while the prompt was read; what was read is in the generator.
  struct Stopped: Error {}

  /// Reads ids and checks for signals in between. How the ids are split does not change any bit.
  private mutating func feed(_ ids: some Collection<Int32>, to generator: inout Generator) throws(Stopped) {
    var left = ids[...]
    while !left.isEmpty {
      if StopSignals.received != nil { throw Stopped() }
      let part = left.prefix(Self.idsBetweenSignals)
      generator.read(part)
      tokens.append(part)
      left = left.dropFirst(part.count)
    }
  }

  /// A large model takes some seconds for this many ids.
  private static let idsBetweenSignals = 512

  /// How much was read.
  struct Count {
    /// The tokens of the prompt, including BOS.
    var tokens: Int
    /// The tokens of these that a state had already read.
    var reused = 0
    /// Whether what follows starts a text.
    var isTextStart = false
  }

  /// Reads the prompt to its end.
  ///
  /// An empty generator reads BOS first if the model's sequences start with it. After a state, a prompt starting with
  /// the state's text is recognised, and only the rest is read. Any other prompt follows the state.
  ///
  /// - Parameters:
  ///   - generator: A generator of the model.
  ///   - model: The model.
  /// - Returns: How much was read.
  /// - Throws: If the source cannot be read or is not UTF-8; `CommandError` if there is nothing to start from;
  ///   `Stopped`.
  mutating func read(into generator: inout Generator, _ model: LoadedModel) throws -> Count {
    if case .ids(let ids) = source { return try read(ids, into: &generator, model) }
    if generator.state.position > 0 { return try readOn(into: &generator, model) }
    if let bos = model.bosID { try feed([bos], to: &generator) }
    guard let tokenizer = try tokenizer(of: model) else {
      if generator.state.position == 0 { try feed([model.bosToStartFrom()], to: &generator) }
      return Count(tokens: generator.state.position, isTextStart: true)
    }
    var encoder = TextEncoder(tokenizer, invalid: .refuse, source: name)
    let hasText = try readRest(into: &generator, &encoder)
    if generator.state.position == 0 {
      try feed([model.bosToStartFrom()], to: &generator)
    }
    return Count(tokens: generator.state.position, isTextStart: !hasText)
  }

  /// Reads a prompt of ids.
  private mutating func read(
    _ ids: [Int32], into generator: inout Generator, _ model: LoadedModel
  ) throws -> Count {
    let size = model.header.configuration.vocabularySize
    if let id = ids.first(where: { $0 >= size }) {
      throw CommandError(.usage, "\(name): expected ids from 0 to \(size - 1), found \(id)")
    }
    let known = generator.state.position
    try feed(ids, to: &generator)
    return Count(tokens: generator.state.position - known)
  }

  /// The tokenizer of the prompt; nil without one if there is no text either.
  private func tokenizer(of model: LoadedModel) throws -> Tokenizer? {
    if case .text(let text) = source, text.isEmpty { return model.tokenizer }
    return try model.tokenizer(for: name)
  }

  /// Reads a prompt after a state, or the rest of a prompt whose start the state has read.
  private mutating func readOn(into generator: inout Generator, _ model: LoadedModel) throws -> Count {
    let known = generator.state.position
    guard let tokenizer = try tokenizer(of: model) else { return Count(tokens: 0) }
    // The part of the prompt that the state may have read must be kept until that is known.
    var text: [UInt8] = []
    var ids = model.bosID.map { [$0] } ?? []
    var encoder = TextEncoder(tokenizer, invalid: .refuse, source: name)
    while ids.count < known, let block = try next() {
      text += block
      try encoder.append(block.span, to: &ids)
    }
    if ids.count < known { try encoder.finish(to: &ids) }
    if ids.count >= known, IDDigest(of: ids.prefix(known)) == generator.progress.point.digest {
      tokens.append(ids.prefix(known))
      try feed(ids.dropFirst(known), to: &generator)
      _ = try readRest(into: &generator, &encoder)
      return Count(tokens: generator.state.position, reused: known)
    }
    encoder = TextEncoder(tokenizer, invalid: .refuse, source: name, place: .middle)
    ids = []
    try encoder.append(text.span, to: &ids)
    try feed(ids, to: &generator)
    _ = try readRest(into: &generator, &encoder)
    return Count(tokens: generator.state.position - known)
  }

  /// Reads the rest of the source; returns whether there was any.
  private mutating func readRest(into generator: inout Generator, _ encoder: inout TextEncoder) throws -> Bool {
    var hasText = false
    while let block = try next() {
      var ids: [Int32] = []
      try encoder.append(block.span, to: &ids)
      try feed(ids, to: &generator)
      hasText = true
    }
    var ids: [Int32] = []
    try encoder.finish(to: &ids)
    try feed(ids, to: &generator)
    return hasText
  }

  /// The next bytes, printed if requested; nil at the end.
  private mutating func next() throws -> [UInt8]? {
    var block: [UInt8]?
    switch source {
    case .text(let text):
      block = text.isEmpty ? nil : text
      source = .end
    case .file(let text):
      guard text.waitForInput() else { throw Stopped() }
      block = try text.next()
    case .ids, .end: break
    }
    if let block, echoes { try StandardStream.output.write(block) }
    return block
  }
}

extension LoadedModel {
  /// BOS for a text that begins with nothing, also where the model's sequences do not begin with it.
  fileprivate func bosToStartFrom() throws -> Int32 {
    guard let bos = header.configuration.bosID else {
      throw CommandError(.usage, "--prompt: the model has no BOS to start from; expected a prompt, found none")
    }
    return Int32(bos)
  }
}

/// Token ids on the command line: `1,42,7`.
struct TokenIDs: ExpressibleByArgument {
  let ids: [Int32]

  init?(argument: String) {
    let words = argument.split { $0 == "," || $0 == " " }
    let ids = words.compactMap { Int32($0) }
    guard !ids.isEmpty, ids.count == words.count, ids.allSatisfy({ $0 >= 0 }) else { return nil }
    self.ids = ids
  }
}
