internal import ArgumentParser
internal import Files
internal import Inference
internal import Modeling
internal import Tokenization

/// Where a prompt comes from.
struct PromptOptions: ParsableArguments {
  @Option(name: .shortAndLong, parsing: .unconditional, help: "The prompt; '-' reads standard input (default: empty).")
  var prompt: String?

  @Option(name: .shortAndLong, help: "Read the prompt from a file.")
  var file: String?

  @Flag(help: "Print the prompt before its continuation.")
  var displayPrompt = false

  func validate() throws {
    if prompt != nil && file != nil { throw ValidationError("'--prompt' and '--file' exclude each other") }
  }

  /// Opens the prompt.
  ///
  /// - Throws: `FileError` when there is no such file.
  func open() throws -> PromptReader {
    if let path = file ?? (prompt == "-" ? "-" : nil) {
      return PromptReader(source: .file(try BlockReader(path: path)), echoes: displayPrompt)
    }
    return PromptReader(source: .text(Array((prompt ?? "").utf8)), echoes: displayPrompt)
  }
}

/// A prompt that goes into a generator piece by piece: it may be longer than memory.
struct PromptReader {
  enum Source {
    case text([UInt8])
    case file(BlockReader)
    case end
  }

  private var source: Source
  private let echoes: Bool

  fileprivate init(source: Source, echoes: Bool) {
    self.source = source
    self.echoes = echoes
  }

  /// Reads the prompt to its end, with BOS before it where the model's sequences begin with it.
  ///
  /// - Parameters:
  ///   - generator: Empty.
  ///   - model: Its model.
  /// - Returns: How many tokens were read, BOS included, and whether there was any text.
  /// - Throws: When the source cannot be read or is not UTF-8, and `CommandError` if there is nothing to start from.
  mutating func read(into generator: inout Generator, _ model: LoadedModel) throws -> (tokens: Int, hasText: Bool) {
    if let bos = model.bosID { generator.read([bos]) }
    var encoder = TextEncoder(model.tokenizer, invalid: .refuse, source: "prompt")
    var hasText = false
    while let block = try next() {
      var ids: [Int32] = []
      try encoder.append(block.span, to: &ids)
      generator.read(ids)
      hasText = true
    }
    var ids: [Int32] = []
    try encoder.finish(to: &ids)
    generator.read(ids)
    if generator.state.position == 0 {
      guard let bos = model.header.configuration.bosID else {
        throw CommandError(.usage, "--prompt: the model has no BOS to start from; expected a prompt, found none")
      }
      generator.read([Int32(bos)])
    }
    return (generator.state.position, hasText)
  }

  /// The next bytes, shown if they are to be; nil at the end.
  private mutating func next() throws -> [UInt8]? {
    var block: [UInt8]?
    switch source {
    case .text(let text):
      block = text.isEmpty ? nil : text
      source = .end
    case .file(let reader): block = try reader.next()
    case .end: break
    }
    if let block, echoes { try StandardStream.output.write(block) }
    return block
  }
}
