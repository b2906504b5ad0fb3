internal import ArgumentParser
internal import Files
internal import Inference
internal import Modeling
internal import Tensors

/// How a state file keeps what retention has stored.
enum StateFormat: String, CaseIterable, FormatArgument {
  case f32
  case bf16

  var format: NumberFormat { self == .f32 ? .float32 : .bfloat16 }
}

/// Which state generation goes on from, and which it leaves.
struct StateOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Go on from this state.", valueName: "file"), completion: .file())
  var stateIn: String?

  @Option(help: ArgumentHelp("Write the state there when done.", valueName: "file"), completion: .file())
  var stateOut: String?

  @Flag(help: "Also write the ids of all tokens that were read.")
  var stateIds = false

  @Option(help: ArgumentHelp("Format of the state in the file; bf16 halves it, but rounds.", valueName: "f32|bf16"))
  var stateDtype = StateFormat.f32

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Also write what it takes to undo the last w tokens, 1 to 1048576 (default: as the state that was read).",
      valueName: "w"))
  var undoWindow: Int?

  func validate() throws {
    if let undoWindow, !UndoHistory.windowRange.contains(undoWindow) {
      throw ValidationError("--undo-window: expected 1 to 1048576, found \(undoWindow)")
    }
  }

  /// Refuses what says how a state is written where none is.
  ///
  /// - Parameter isInteractive: Whether a person can write one at any time.
  /// - Throws: `ValidationError`.
  func check(isInteractive: Bool) throws {
    for (flag, isGiven) in [
      ("--state-ids", stateIds), ("--undo-window", undoWindow != nil), ("--state-dtype", stateDtype != .f32),
    ] where isGiven && stateOut == nil && !isInteractive {
      throw ValidationError("\(flag): expected together with --state-out")
    }
  }

  /// Opens the state to go on from, before anything expensive is done, and sees whether the other can be written.
  func open() throws -> StateFile? {
    if let stateOut { try AtomicFile(replacing: stateOut).discard() }
    return try stateIn.map { try StateFile(path: $0) }
  }

  /// A generator that begins, or goes on from the state.
  ///
  /// - Parameters:
  ///   - model: The model.
  ///   - file: The state to go on from.
  ///   - chunkLength: Where it was asked for.
  ///   - pool: Where the work runs.
  /// - Returns: The generator, and the state as it was stored.
  /// - Throws: When the state is of another model, is damaged, or was not written with what is asked for now.
  func makeGenerator(
    _ model: LoadedModel, from file: StateFile?, chunkLength: Int?, on pool: WorkerPool
  ) throws -> (generator: Generator, saved: SavedState?) {
    let saved = try file.map { try model.state($0) }
    var generator: Generator
    if let saved {
      if let chunkLength, chunkLength != saved.progress.chunkLength {
        throw differs("--chunk-length", saved.progress.chunkLength, chunkLength)
      }
      generator = Generator(model.network, saved.progress, on: pool)
    } else {
      let length = chunkLength ?? PromptChunkLength.length(model.header.configuration)
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
        hint: "a state keeps them from the first token on, if it is written with --state-ids each time")
    }
    return (generator, saved)
  }

  private func differs(_ flag: String, _ expected: Int, _ found: Int) -> CommandError {
    CommandError(.usage, "\(flag): expected \(expected), as the state has it, found \(found)")
  }

  /// Writes the state, if that was asked for.
  func write(_ generator: Generator, random: UInt64, recent: [Int32]?, _ model: LoadedModel) throws {
    if let stateOut { try write(generator, to: stateOut, random: random, recent: recent, model) }
  }

  /// Writes the state to a path.
  func write(
    _ generator: Generator, to path: String, random: UInt64, recent: [Int32]?, _ model: LoadedModel
  ) throws {
    let saved = SavedState(
      progress: generator.progress, random: random, recent: recent, modelDigest: try model.digest(),
      tokenizerDigest: model.tokenizerDigest)
    try saved.write(to: path, format: stateDtype.format)
  }
}

extension LoadedModel {
  /// Reads a state of this model.
  ///
  /// - Throws: `StateFileError` when it is another's, or damaged.
  func state(_ file: StateFile) throws -> SavedState {
    try file.check(header.configuration, model: (try digest(), header.path), tokenizer: tokenizerDigest)
    return try file.load()
  }
}
