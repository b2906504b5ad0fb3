internal import Checkpoints
package import Files
package import Modeling
package import Tensors

/// An open state file: its shapes are checked, its numbers are read by `load` (docs/CHECKPOINT.md §5).
package struct StateFile {
  /// Version 1 stores no digest of the file.
  package static let version = 2
  package static let versionKey = FileKind.stateKey
  package static let modelKey = "retnet.model_digest"
  package static let tokenizerKey = "retnet.tokenizer_digest"
  package static let undoKey = "retnet.undo_window"
  package static let digestKey = "retnet.digest"
  package static let ofStopKey = "retnet.of_stop"

  package let path: String
  package let byteCount: Int
  package let modelDigest: SHA256Digest
  package let tokenizerDigest: SHA256Digest
  /// The stored digest of the file, which `load` verifies; nil in files of version 1.
  package let storedDigest: SHA256Digest?
  let layout: StateLayout
  private let file: SafetensorsFile

  /// Whether a file's metadata say that it holds a state.
  package static func isState(_ file: MappedFile) -> Bool {
    (try? SafetensorsFile(file))?.metadata[versionKey] != nil
  }

  /// Opens a state file and checks its metadata and the name, type and shape of every tensor.
  ///
  /// - Parameter path: A file, a pipe, or `-` for standard input.
  /// - Throws: `FileError`, `CheckpointError` and `StateFileError`.
  package init(path: String) throws { try self.init(MappedFile(reading: path)) }

  /// Opens a file that is already mapped, with the same checks.
  ///
  /// - Throws: `FileError.unexpectedKind`, `CheckpointError` and `StateFileError`.
  package init(_ mapped: MappedFile) throws {
    try FileRole.state.check(mapped)
    let (file, path) = (try SafetensorsFile(mapped), mapped.path)
    guard let version = file.metadata[Self.versionKey] else {
      throw FileError.unexpectedKind(path: path, expected: .state, found: FileKind(file))
    }
    guard let number = Self.plainNumber(version) else {
      let found = "\(version.utf8.count) bytes that are none"
      throw StateFileError.metadata(path: path, key: Self.versionKey, expected: "a version number", found: found)
    }
    guard number <= Self.version else {
      throw StateFileError.version(path: path, supported: Self.version, found: version)
    }
    self.path = path
    self.file = file
    byteCount = file.byteCount
    modelDigest = try Self.digest(file, Self.modelKey)
    tokenizerDigest = try Self.digest(file, Self.tokenizerKey)
    storedDigest = number == 1 ? nil : try Self.digest(file, Self.digestKey)
    layout = try Self.layout(file)
    try checkTensors()
  }

  package var format: NumberFormat { layout.format }
  package var chunkLength: Int { layout.chunkLength }
  /// See `SavedState.isOfStop`.
  package var isOfStop: Bool { file.metadata[Self.ofStopKey] == "true" }
  package var undoWindow: Int? { layout.undoWindow }
  package var layers: [MixerStateShape] { layout.layers }
  package var vocabularySize: Int { layout.vocabularySize }
  package var hasIDs: Bool { layout.idCount != nil }

  /// Checks that the state belongs to a model.
  ///
  /// - Parameters:
  ///   - configuration: The configuration of the model.
  ///   - model: The digest and the path of the model.
  ///   - tokenizer: The digest of the model's tokenizer.
  /// - Throws: `StateFileError`.
  package func check(
    _ configuration: ModelConfiguration, model: (digest: SHA256Digest, path: String), tokenizer: SHA256Digest
  ) throws(StateFileError) {
    func refusal(_ kind: String, _ expected: SHA256Digest, _ found: SHA256Digest) -> StateFileError {
      .otherOwner(path: path, kind: kind, name: model.path, expected: expected, found: found)
    }
    guard modelDigest == model.digest else { throw refusal("model", model.digest, modelDigest) }
    guard tokenizerDigest == tokenizer else { throw refusal("tokenizer", tokenizer, tokenizerDigest) }
    guard layout.fits(configuration) else { throw .shapes(path: path, other: model.path) }
  }

  /// Compares the content of the file with its stored digest, if there is one.
  ///
  /// - Throws: `StateFileError.digest` if they differ.
  func checkDigest() throws {
    guard let storedDigest else { return }
    let found = try Self.digest(file.metadata, file.tensors) { try file.withBytes(of: $0.name, $1) }
    // Compared as text, because hexadecimal digits can be upper or lower case.
    guard found.description == file.metadata[Self.digestKey] else {
      throw StateFileError.digest(path: path, expected: storedDigest, found: found)
    }
  }

  /// SHA-256 over all metadata entries except the digest itself, then over name and bytes of every tensor. Both are
  /// sorted by name (docs/CHECKPOINT.md, S20).
  static func digest(
    _ metadata: [String: String], _ tensors: [TensorDescription],
    _ emit: (TensorDescription, (RawSpan) throws -> Void) throws -> Void
  ) throws -> SHA256Digest {
    var hasher = SHA256Hasher()
    for (key, value) in metadata.sorted(by: { $0.key < $1.key }) where key != digestKey {
      (Array(key.utf8) + [0] + Array(value.utf8) + [0]).withRawSpan { hasher.update($0) }
    }
    for tensor in tensors.sorted(by: { $0.name < $1.name }) {
      (Array(tensor.name.utf8) + [0]).withRawSpan { hasher.update($0) }
      try emit(tensor) { hasher.update($0) }
    }
    return hasher.finalize()
  }

  func bytes(_ name: String) throws -> [UInt8] { try file.withBytes(of: name) { [UInt8](copying: $0) } }

  func fill(_ part: StatePart) throws { try file.withBytes(of: part.description.name) { part.fill($0) } }

  // MARK: - Checks

  private static func plainNumber(_ text: String) -> Int? {
    Int(text).flatMap { $0 >= 1 && "\($0)" == text ? $0 : nil }
  }

  private static func digest(_ file: SafetensorsFile, _ key: String) throws(StateFileError) -> SHA256Digest {
    let text = file.metadata[key]
    guard let digest = text.flatMap({ SHA256Digest(hex: $0) }) else {
      let found = text.map { "\($0.utf8.count) bytes" } ?? "none"
      throw .metadata(path: file.path, key: key, expected: "64 hexadecimal digits", found: found)
    }
    return digest
  }

  /// Takes the layout from a few tensors; `checkTensors` compares all others with it.
  private static func layout(_ file: SafetensorsFile) throws -> StateLayout {
    func shape(_ name: String, rank: Int) throws -> [Int] {
      guard let tensor = file.description(of: name) else {
        throw CheckpointError.missingTensor(path: file.path, name: name)
      }
      guard tensor.shape.count == rank, tensor.shape.allSatisfy({ $0 >= 1 }) else {
        throw CheckpointError.tensor(
          path: file.path, name: name, expected: "\(rank) sizes from 1", found: "\(tensor.shape)")
      }
      return tensor.shape
    }
    let undo = file.metadata[undoKey]
    let window = undo.flatMap { plainNumber($0) }
    if let undo, !(window.map { UndoHistory.windowRange.contains($0) } ?? false) {
      throw StateFileError.metadata(
        path: file.path, key: undoKey, expected: "a number of tokens from 1 to \(UndoHistory.windowRange.upperBound)",
        found: "\(undo.utf8.count) bytes that are none")
    }
    let chunkLength = try shape("rest", rank: 1)[0]
    guard PromptChunkLength.range.contains(chunkLength) else {
      throw CheckpointError.tensor(
        path: file.path, name: "rest", expected: "at most \(PromptChunkLength.range.upperBound) ids",
        found: "\(chunkLength)")
    }
    return StateLayout(
      layers: try (0..<layerCount(file)).map { layer in
        let stored = try shape("layers.\(layer).stored", rank: 4)
        return MixerStateShape(
          heads: stored[1], keyWidth: stored[2], valueWidth: stored[3],
          hasScores: file.description(of: "layers.\(layer).row_sums") != nil)
      },
      vocabularySize: try shape("logits", rank: 2)[1], chunkLength: chunkLength,
      format: file.description(of: "layers.0.stored")?.dataType == .bf16 ? .bfloat16 : .float32, undoWindow: window,
      recentCount: try file.description(of: "recent").map { try shape($0.name, rank: 1)[0] },
      idCount: try file.description(of: "ids").map { try shape($0.name, rank: 1)[0] })
  }

  /// The number of layers up to the first one that is missing.
  private static func layerCount(_ file: SafetensorsFile) -> Int {
    var count = 1
    while file.description(of: "layers.\(count).stored") != nil { count += 1 }
    return count
  }

  /// Throws unless the file has exactly the tensors of its layout.
  private func checkTensors() throws {
    let expected = layout.tensors
    for tensor in expected {
      guard let found = file.description(of: tensor.name) else {
        throw CheckpointError.missingTensor(path: path, name: tensor.name)
      }
      guard found == tensor else {
        throw CheckpointError.tensor(
          path: path, name: tensor.name, expected: "\(tensor.dataType.rawValue) \(tensor.shape)",
          found: "\(found.dataType.rawValue) \(found.shape)")
      }
    }
    let names = Set(expected.map(\.name))
    if let stranger = file.tensors.first(where: { !names.contains($0.name) }) {
      throw StateFileError.unexpectedTensor(path: path, name: stranger.name)
    }
  }
}
