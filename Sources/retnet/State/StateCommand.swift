internal import ArgumentParser
internal import Files
internal import Inference
internal import Modeling
internal import Tensors

/// `retnet state` groups the commands for state files.
struct StateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "state",
    abstract: "Describe, copy, undo and compare the state files that generate writes.",
    subcommands: [StateInfo.self, StateFork.self, StateUndo.self, StateDiff.self])
}

/// `retnet state info` describes a state file.
struct StateInfo: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "info",
    abstract: "Describe a state file.",
    discussion: """
      Examples:
        retnet state info chat.state
        retnet state info chat.state --json
      """)

  @Argument(help: "State file.", completion: .file())
  var file: String

  @OptionGroup var global: GlobalOptions

  @Flag(help: "Print one JSON object.")
  var json = false

  func validate() throws { try CommandFiles().reading("FILE", file).check() }

  func run() throws {
    let members = try StateFile(path: file).members
    let report = JSONReport(Dictionary(uniqueKeysWithValues: members))
    try StandardStream.output.write((json ? report.text : textReport(members)) + "\n")
  }
}

extension StateFile {
  /// A number of the layers' states: one if it is the same for all layers, else one for each.
  private func perLayer(_ number: (MixerStateShape) -> Int) -> JSONValue {
    let numbers = layers.map(number)
    return Set(numbers).count == 1 ? .integer(numbers[0]) : .list(numbers.map { .integer($0) })
  }

  /// The entries of the description.
  var members: [(String, JSONValue)] {
    get throws {
      let saved = try load()
      return [
        ("kind", .text("state")), ("tokens", .integer(saved.progress.position)),
        ("layers", .integer(layers.count)), ("heads", perLayer(\.heads)),
        ("key_width_per_head", perLayer(\.keyWidth)), ("value_width_per_head", perLayer(\.valueWidth)),
        ("vocabulary_size", .integer(vocabularySize)), ("dtype", .text(format.rawValue)),
        ("file_bytes", .integer(byteCount)), ("chunk_length", .integer(chunkLength)),
        ("undo_window", undoWindow.map { .integer($0) } ?? .null),
        ("undo_limit", saved.progress.history.map { .integer($0.limit) } ?? .null), ("has_ids", .boolean(hasIDs)),
        ("ids_digest", .text(saved.progress.point.digest.digest.description)),
        ("model_digest", .text(modelDigest.description)), ("tokenizer_digest", .text(tokenizerDigest.description)),
        ("digest", storedDigest.map { .text($0.description) } ?? .null),
      ]
        + (storedDigest == nil
          ? [
            ("note", .text("a state of version 1 has no digest, so damage may go unnoticed; state fork writes one"))
          ]
          : [])
    }
  }
}
