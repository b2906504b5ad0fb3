internal import ArgumentParser
internal import Files
internal import Inference
internal import Modeling
internal import Retention
internal import Tensors

/// The options for the states that generation resumes from and writes.
struct StateOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Resume from this state.", valueName: "file"), completion: .file())
  var stateIn: String?

  @Option(help: ArgumentHelp("Write the state to this file when done.", valueName: "file"), completion: .file())
  var stateOut: String?

  @Flag(help: "Also write the ids of all tokens that were read.")
  var stateIds = false

  @Option(help: ArgumentHelp("Format of the state in the file; bf16 halves it, but rounds.", valueName: "f32|bf16"))
  var stateDtype = StateFormat.f32

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Also write what is needed to undo the last w tokens, 1 to 1048576 (default: that of --state-in).",
      valueName: "w"))
  var undoWindow: Int?

  func validate() throws {
    if let undoWindow, !UndoHistory.windowRange.contains(undoWindow) {
      throw ValidationError("--undo-window: expected 1 to 1048576, found \(undoWindow)")
    }
  }

  /// Throws if options for writing a state are given but no state is written.
  ///
  /// - Parameter isInteractive: Whether the user can write a state at any time.
  /// - Throws: `ValidationError`.
  func check(isInteractive: Bool) throws {
    for (flag, isGiven) in [
      ("--state-ids", stateIds), ("--undo-window", undoWindow != nil), ("--state-dtype", stateDtype != .f32),
    ] where isGiven && stateOut == nil && !isInteractive {
      throw ValidationError("\(flag): expected together with --state-out")
    }
  }

  /// Opens the state to resume from, before any expensive work, and checks that the other can be written.
  func open() throws -> StateFile? {
    if let stateOut { try AtomicFile(replacing: stateOut).discard() }
    return try stateIn.map { try StateFile(path: $0) }
  }

  /// A new generator, or one that resumes from the state.
  ///
  /// - Parameters:
  ///   - model: The model.
  ///   - file: The state to resume from.
  ///   - chunkLength: The chunk length, if given.
  ///   - pool: The worker pool.
  /// - Returns: The generator, and the stored state.
  /// - Throws: If the state is of another model, is damaged, or was not written with what is asked for now.
  func makeGenerator(
    _ model: LoadedModel, from file: StateFile?, chunkLength: Int?, on pool: WorkerPool
  ) throws -> (generator: Generator, saved: SavedState?) {
    if file != nil { try model.checkStates("--state-in") }
    if stateOut != nil { try model.checkStates("--state-out") }
    let saved = try file.map { try model.state($0) }
    var generator: Generator
    if let saved {
      if let chunkLength, chunkLength != saved.progress.chunkLength {
        throw differs("--chunk-length", saved.progress.chunkLength, chunkLength)
      }
      generator = Generator(model.network, saved.progress, on: pool)
    } else {
      let length = chunkLength ?? PromptChunkLength.length(model.header.configuration)
      if let longest = model.header.configuration.rotation.longestCall, length > longest {
        throw CommandError(.usage, "--chunk-length: expected at most \(longest) for a model with xPos, found \(length)")
      }
      generator = Generator(model.network, chunkLength: length, on: pool)
    }
    if let undoWindow {
      if let window = generator.progress.history?.window {
        guard window == undoWindow else { throw differs("--undo-window", window, undoWindow) }
      } else {
        generator.keepHistory(window: undoWindow)
      }
    }
    guard generator.keepIDs(stateIds) else {
      throw CommandError(
        .usage, "--state-ids: expected a state with the ids of its \(generator.progress.position) tokens, found none",
        hint: "a state holds them if every run since the first token was given --state-ids")
    }
    return (generator, saved)
  }

  private func differs(_ flag: String, _ expected: Int, _ found: Int) -> CommandError {
    CommandError(.usage, "\(flag): expected \(expected), the state's value, found \(found)")
  }

  /// Writes the state, if requested.
  func write(_ generator: Generator, random: UInt64, recent: [Int32]?, _ model: LoadedModel) throws {
    if let stateOut { try write(generator, to: stateOut, random: random, recent: recent, model) }
  }

  /// Writes the state to a path.
  func write(
    _ generator: Generator, to path: String, random: UInt64, recent: [Int32]?, _ model: LoadedModel
  ) throws {
    try model.checkStates("a state file")
    let saved = SavedState(
      progress: generator.progress, random: random, recent: recent, modelDigest: try model.digest(),
      tokenizerDigest: model.tokenizerDigest)
    try saved.write(to: path, format: stateDtype.format)
  }
}

/// The number formats of a state in a file.
enum StateFormat: String, CaseIterable, FormatArgument {
  case f32
  case bf16

  var format: NumberFormat { self == .f32 ? .float32 : .bfloat16 }
}

extension LoadedModel {
  /// Reads a state of this model.
  ///
  /// - Throws: `StateFileError` if it belongs to another model or is damaged.
  func state(_ file: StateFile) throws -> SavedState {
    try checkStates("a state file")
    try file.check(header.configuration, model: (try digest(), header.path), tokenizer: tokenizerDigest)
    return try file.load()
  }
  /// Refuses what needs a state file for a model whose states are not written to files.
  ///
  /// - Parameter what: The flag, or what is asked for.
  /// - Throws: `CommandError`.
  func checkStates(_ what: String) throws {
    guard !header.configuration.hasFixedStates else { return }
    throw CommandError(
      .usage, "\(what): expected a model with states of fixed size, found layers of attention (\(header.path))",
      hint: "their key/value cache grows with the text and is not written to files; read the text again")
  }
}
