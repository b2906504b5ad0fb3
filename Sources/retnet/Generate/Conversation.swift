internal import Files
internal import Inference
internal import Tensors
internal import Tokenization

/// Runs `generate -i`, which continues what a person types, line by line.
///
/// The text consists of the typed lines and their continuations. A typed line starts a new line of the text; an empty
/// one continues the text where it is.
struct Conversation {
  private let model: LoadedModel
  private let tokenizer: Tokenizer
  private var rules: TextRules
  private(set) var generator: Generator
  private let pool: WorkerPool
  private let state: StateOptions
  /// The files that the command reads; no state may replace them.
  private let files: CommandFiles
  private let undoWindow: Int
  private let timings: Bool
  private let editor: LineEditor
  /// The state of the random number generator.
  private(set) var random: UInt64
  /// For penalties.
  private var tokens: RecentTokens
  /// The positions at which the typed lines start.
  private var turns: [Int] = []

  // Eight texts of the default length. An undo reads at most this many tokens and two chunks again.
  private static let defaultUndoWindow = 1_024

  /// - Parameters:
  ///   - model: The model.
  ///   - rules: The settings for texts.
  ///   - generator: Has read the prompt.
  ///   - random: The state of the random number generator.
  ///   - recent: The last ids that the generator has read, if known.
  ///   - state: The options for states.
  ///   - files: The files that the command reads.
  ///   - timings: Whether to print the speed of each text.
  ///   - pool: The worker pool of the generator.
  /// - Throws: `FileError` if the terminal cannot be used.
  init(
    _ model: LoadedModel, _ rules: TextRules, _ generator: Generator, random: UInt64, recent: [Int32],
    state: StateOptions, files: CommandFiles, timings: Bool, on pool: WorkerPool
  ) throws {
    self.model = model
    tokenizer = try model.tokenizer(for: "--interactive")
    self.rules = rules
    self.generator = generator
    self.random = random
    self.state = state
    self.files = files
    self.timings = timings
    self.pool = pool
    tokens = RecentTokens(recent)
    undoWindow = state.undoWindow ?? generator.progress.history?.window ?? Self.defaultUndoWindow
    editor = try LineEditor()
    if generator.progress.history == nil { self.generator.keepHistory(window: undoWindow) }
  }

  /// The recent ids for penalties, as a state stores them.
  var recent: [Int32]? { Sampler(rules.options, seed: random, recent: tokens.ids).recent }

  /// Reads lines and continues them until the user or a signal ends the conversation.
  ///
  /// - Parameter continuesPrompt: Whether to continue a prompt first.
  /// - Returns: Whether SIGTERM or SIGHUP ended it.
  /// - Throws: If standard output cannot be written; `TokenChoiceError`.
  mutating func run(continuesPrompt: Bool) throws -> Bool {
    if continuesPrompt { try makeText() }
    // Lines that ended in a backslash, until the last line is read.
    var begun = ""
    while !StopSignals.isEndWished {
      switch editor.read(prompt: begun.isEmpty ? "> " : ". ") {
      case .end: return StopSignals.isEndWished
      case .signal(let isLineEmpty):
        guard !StopSignals.isEndWished else { continue }
        // A signal that stopped a text may interrupt the editor after it was handled.
        guard StopSignals.take() != nil else { continue }
        if isLineEmpty && begun.isEmpty { return false }
        begun = ""
      case .line(let line):
        if line.hasSuffix("\\") {
          begun += line.dropLast() + "\n"
        } else if begun.isEmpty, line.hasPrefix("/"), !line.hasPrefix("//") {
          guard obey(line) else { return false }
        } else {
          let text = begun + (begun.isEmpty && line.hasPrefix("//") ? String(line.dropFirst()) : line)
          begun = ""
          try answer(text)
        }
      }
    }
    return true
  }

  /// Reads a line and continues it; continues the text if the line is empty.
  private mutating func answer(_ text: String) throws {
    if generator.progress.position == 0, let bos = model.bosID { read([bos]) }
    guard !text.isEmpty || generator.progress.position > 0 else {
      return say("this model has no BOS to start from: type a text")
    }
    turns.append(generator.progress.position)
    if !text.isEmpty {
      let text = frame(text)
      var ids: [Int32] = []
      var encoder = TextEncoder(
        tokenizer, invalid: .bytes, source: "line", place: isTextStart ? .textStart : .middle)
      try encoder.append(Array(text.utf8).span, to: &ids)
      try encoder.finish(to: &ids)
      read(ids)
    }
    if generator.progress.position > 0 { try makeText() }
  }

  /// What is read for a typed line: a message with its frame, or the line on a line of its own.
  private func frame(_ line: String) -> String {
    guard let chat = rules.chat else { return (needsNewline ? "\n" : "") + line }
    return chat.text(line, after: isTextStart ? nil : tokens.ids)
  }

  private var isTextStart: Bool { generator.progress.position <= (model.bosID == nil ? 0 : 1) }

  /// Whether a newline must be added before the next line.
  private var needsNewline: Bool {
    guard !isTextStart, let last = tokens.last, Int(last) < tokenizer.vocabularySize else {
      return !isTextStart
    }
    return tokenizer.bytes(of: last).last != UInt8(ascii: "\n")
  }

  private mutating func read(_ ids: [Int32]) {
    generator.read(ids)
    tokens.append(ids)
  }

  /// Generates a text and prints it as it comes, until it ends or Ctrl-C is pressed.
  private mutating func makeText() throws {
    let start = ContinuousClock.now
    // If the output cannot be written, the text ends early, but the state includes its tokens.
    var failure: (any Error)?
    let maker = try TextBatch.makeText(
      &generator, TextMaker(rules, seed: random, recent: tokens.ids, isTextStart: isTextStart), readsLast: true,
      on: pool,
      while: { failure == nil && StopSignals.received == nil },
      show: { text in
        guard failure == nil else { return }
        do { try StandardStream.output.write(text) } catch { failure = error }
      })
    tokens.append(maker.tokens)
    if let failure { throw failure }
    try StandardStream.output.write("\n")
    random = maker.sampler.random
    if StopSignals.received == "SIGINT" { _ = StopSignals.take() }
    if timings {
      let seconds = max((ContinuousClock.now - start).inSeconds, 1e-9)
      say(
        "\(maker.tokens.count) tokens in \(seconds.fixed(3)) s, \(shortened(Double(maker.tokens.count) / seconds)) tokens/s"
      )
    }
  }
}

// Commands.
extension Conversation {
  /// Runs a slash command; returns whether the conversation continues.
  private mutating func obey(_ line: String) -> Bool {
    do {
      switch try ConversationCommand(line) {
      case .save(let path):
        try files.writing("/save", path, over: "--state-in").checkLate()
        try state.write(generator, to: path, random: random, recent: recent, model)
        say("\(path): \(position)")
      case .load(let path): try load(path)
      case .undo(let count): try undo(count)
      case .temperature(let temperature):
        if let temperature { rules.options.temperature = temperature }
        say("temperature \(rules.options.temperature)")
      case .reset:
        generator.restart()
        generator.keepHistory(window: undoWindow)
        (tokens, turns) = (RecentTokens(), [])
        say("nothing read")
      case .help:
        for (command, meaning) in ConversationCommand.list {
          say("  \(command)" + String(repeating: " ", count: 12 - command.count) + meaning)
        }
        say("An empty line continues the text; \\ at the end of a line continues it on the next; Ctrl-C stops a text.")
      case .quit: return false
      }
    } catch {
      let failure = CommandError(error) ?? CommandError(.bug, "unexpected: \(error)")
      say("error: \(failure.message)" + (failure.hint.map { "\nhint: \($0)" } ?? ""))
    }
    return true
  }

  private var position: String { "\(grouped(generator.progress.position)) tokens" }

  /// Prints the answer to a command. The user asked for it, so -q does not silence it.
  private func say(_ line: String) { StandardStream.error.say(line) }

  private mutating func load(_ path: String) throws {
    try files.reading("/load", path).checkLate()
    let saved = try model.state(try StateFile(path: path))
    generator = Generator(model.network, saved.progress, on: pool)
    if generator.progress.history == nil { generator.keepHistory(window: undoWindow) }
    (random, tokens, turns) = (saved.random, RecentTokens(saved.recent ?? []), [])
    say("\(path): \(position)")
  }

  private mutating func undo(_ count: Int?) throws {
    let position = generator.progress.position
    guard let count = count ?? turns.last.map({ position - $0 }) else {
      throw CommandError(.usage, "/undo: no line was typed since the beginning", hint: "/undo N undoes N tokens")
    }
    let limit = generator.progress.history?.limit ?? 0
    guard count <= limit else {
      guard limit > 0 else {
        throw CommandError(.usage, "/undo: nothing is left to undo", hint: "type a line")
      }
      throw CommandError(
        .usage, "/undo: expected at most \(limit) tokens, found \(count)",
        hint: limit < position - 1
          ? "use a larger --undo-window than \(undoWindow), or /reset" : "/reset undoes everything")
    }
    generator.undo(count)
    tokens.removeLast(count)
    turns.removeAll { $0 >= generator.progress.position }
    say("undid \(grouped(count)) tokens; \(self.position) are left")
  }
}
