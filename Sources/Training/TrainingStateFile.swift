internal import Checkpoints
internal import Configurations
package import Files
internal import Inference
package import Modeling
internal import Tensors

/// A training state on disk (docs/CHECKPOINT.md §2). Optimizer slots, carried states and the initial state are tensors,
/// everything else is metadata.
package struct TrainingStateFile: Sendable {
  package let state: TrainingState
  /// The digest of the model that it belongs to.
  package let modelDigest: SHA256Digest
  /// The number of optimizer updates.
  package let updates: Int
  private let file: SafetensorsFile

  private enum Key {
    static let version = FileKind.trainingStateKey
    static let configuration = "retnet.training"
    static let progress = "retnet.progress"
    static let updates = "retnet.updates"
    static let data = "retnet.data"
    static let machine = "retnet.machine"
    static let initial = "retnet.initial"
    static let best = "retnet.best_digest"
    static let metricsLines = "retnet.metrics_lines"
    static let seconds = "retnet.seconds"
    static let modelDigest = "retnet.model_digest"
    static let digest = "retnet.digest"
  }

  private static let formatVersion = 1

  /// Writes a training state, atomically.
  ///
  /// - Parameters:
  ///   - state: The metadata.
  ///   - trainer: Has the tensors: slots, carried states, initial state.
  ///   - modelDigest: The digest of the model file, which is already on disk.
  ///   - path: Replaced when the whole file is on disk.
  /// - Throws: `CheckpointError` when the file cannot be written; the old one is then untouched.
  package static func write(
    _ state: TrainingState, of trainer: Trainer, modelDigest: SHA256Digest, to path: String
  ) throws {
    var metadata = [
      Key.version: "\(formatVersion)", Key.configuration: try sortedJSON(state.configuration.values),
      Key.progress: try sortedJSON(state.progress), Key.updates: "\(trainer.step)",
      Key.data: try sortedJSON(state.data),
      Key.machine: try sortedJSON(state.machine), Key.metricsLines: "\(state.metricsLines)",
      Key.seconds: "\(state.seconds)",
      Key.modelDigest: modelDigest.description,
    ]
    metadata[Key.best] = state.bestDigest
    if let initial = state.initial { metadata[Key.initial] = try sortedJSON(initial) }
    let carried = carriedParts(trainer) + initialParts(trainer)
    let slots = slots(trainer)
    let tensors = slots.map(\.description) + carried.map(\.description)
    func emit(_ tensor: TensorDescription, _ body: (RawSpan) throws -> Void) throws {
      for slot in slots where slot.description == tensor { try slot.tensor.withBytes(body) }
      for part in carried where part.description == tensor { try part.withBytes(body) }
    }
    metadata[Key.digest] = try digest(metadata, tensors, emit).description
    try SafetensorsWriter.write(to: path, tensors: tensors, metadata: metadata, bytes: emit)
  }

  private static func slots(_ trainer: Trainer) -> [(description: TensorDescription, tensor: Tensor)] {
    trainer.slots.flatMap { slot in
      slot.tensors.descriptions.map {
        (
          TensorDescription(name: "\(slot.name).\($0.name)", dataType: .f32, shape: $0.shape.extents),
          slot.tensors.tensor($0)
        )
      }
    }
  }

  private static let positionName = "carried.position"

  /// With `carry_state`, the states that the rows of the batch carry from step to step, and their position. The tensors
  /// are those of a state file.
  private static func carriedParts(_ trainer: Trainer) -> [StatePart] {
    guard let state = trainer.carriedState else { return [] }
    return [StatePart(name: positionName, .i64, [Int64(state.position)])] + state.parts("carried.")
  }

  /// With `state_tuning`, the state that each document starts from.
  private static func initialParts(_ trainer: Trainer) -> [StatePart] {
    guard let initial = trainer.initialState else { return [] }
    return zip(initial.values.descriptions, initial.values.tensors).map { description, tensor in
      StatePart(name: "initial." + description.name, tensor)
    }
  }

  /// SHA-256 over all metadata entries, then over name and bytes of every tensor; both are sorted by name. The digest
  /// itself and the time, in which equal runs differ, are left out.
  private static func digest(
    _ metadata: [String: String], _ tensors: [TensorDescription],
    _ emit: (TensorDescription, (RawSpan) throws -> Void) throws -> Void
  ) throws -> SHA256Digest {
    var hasher = SHA256Hasher()
    for (key, value) in metadata.sorted(by: { $0.key < $1.key }) where ![Key.digest, Key.seconds].contains(key) {
      (Array(key.utf8) + [0] + Array(value.utf8) + [0]).withRawSpan { hasher.update($0) }
    }
    for tensor in tensors.sorted(by: { $0.name < $1.name }) {
      (Array(tensor.name.utf8) + [0]).withRawSpan { hasher.update($0) }
      try emit(tensor) { hasher.update($0) }
    }
    return hasher.finalize()
  }

  /// Opens a training state and verifies its digest.
  ///
  /// - Parameter path: The path of a file, which need not be trusted.
  /// - Throws: `CheckpointError`; `ModelFileError` for metadata that are missing or invalid.
  package init(path: String) throws {
    let file = try SafetensorsFile(path: path)
    let metadata = file.metadata
    func failure(_ key: String, _ expected: String) -> ModelFileError {
      .metadata(path: path, key: key, expected: expected, found: metadata[key] == nil ? "none" : "something else")
    }
    func decoded<Value: Decodable>(_ key: String, as type: Value.Type = Value.self) throws -> Value {
      guard let text = metadata[key], let value = try? decodedJSON(type, from: text.utf8) else {
        throw failure(key, "a JSON object")
      }
      return value
    }
    func count(_ key: String) throws -> Int {
      guard let count = metadata[key].flatMap({ Int($0) }), (0...TrainingProgress.countLimit).contains(count) else {
        throw failure(key, "a number from 0 to \(TrainingProgress.countLimit)")
      }
      return count
    }
    let version = try count(Key.version)
    guard version <= Self.formatVersion else {
      throw ModelFileError.version(path: path, supported: Self.formatVersion, found: "\(version)")
    }
    let found = try Self.digest(metadata, file.tensors) { tensor, body in try file.withBytes(of: tensor.name, body) }
    guard found.description == metadata[Key.digest] else {
      throw failure(Key.digest, "the digest of the file's content")
    }

    var configuration = TrainingConfiguration()
    let location = ConfigurationLocation(path: path)
    let values: [String: ConfigurationValue] = try decoded(Key.configuration)
    let settings = values.map { ConfigurationSetting(name: $0.key, value: $0.value, location: location) }
    if !configuration.apply(settings, block: "").isEmpty {
      throw failure(Key.configuration, "settings that this program knows")
    }
    guard let modelDigest = metadata[Key.modelDigest].flatMap({ SHA256Digest(hex: $0) }) else {
      throw failure(Key.modelDigest, "64 hexadecimal digits")
    }
    let progress: TrainingProgress = try decoded(Key.progress)
    guard progress.isPossible else { throw failure(Key.progress, "counts from 0 to \(TrainingProgress.countLimit)") }
    guard let seconds = metadata[Key.seconds].flatMap({ Double($0) }), seconds >= 0, seconds.isFinite else {
      throw failure(Key.seconds, "a finite number of seconds")
    }
    self.file = file
    self.modelDigest = modelDigest
    updates = try count(Key.updates)
    state = TrainingState(
      configuration: configuration, progress: progress, data: try decoded(Key.data),
      machine: try decoded(Key.machine),
      initial: metadata[Key.initial] == nil ? nil : try decoded(Key.initial),
      bestDigest: metadata[Key.best], metricsLines: try count(Key.metricsLines), seconds: seconds)
  }

  /// Loads weights, slots, carried states, the initial state and the number of updates into a trainer.
  ///
  /// - Parameters:
  ///   - trainer: A trainer of the same model.
  ///   - model: The model file of the checkpoint.
  /// - Throws: `CheckpointError.missingTensor` or `.tensor` if a tensor is missing or has another type or shape; the
  ///   errors of reading the weights.
  package func restore(_ trainer: Trainer, model: ModelHeader) throws {
    let carried = Self.carriedParts(trainer)
    let initial = Self.initialParts(trainer)
    for expected in Self.slots(trainer).map(\.description) + (carried + initial).map(\.description) {
      guard let found = file.description(of: expected.name) else {
        throw CheckpointError.missingTensor(path: file.path, name: expected.name)
      }
      guard found == expected else {
        throw CheckpointError.tensor(
          path: file.path, name: expected.name, expected: "\(expected.dataType.rawValue) \(expected.shape)",
          found: "\(found.dataType.rawValue) \(found.shape)")
      }
    }
    let position = carried.isEmpty ? 0 : try carriedPosition()
    trainer.restore(try model.loadParameters(), updates: updates, position: position)
    for part in carried + initial { try file.withBytes(of: part.description.name) { part.fill($0) } }
    for (description, tensor) in Self.slots(trainer) {
      try file.withBytes(of: description.name) { tensor.fill(bytes: $0, format: .float32) }
    }
  }
}

extension TrainingStateFile {
  private func carriedPosition() throws -> Int {
    let bytes = try file.withBytes(of: Self.positionName) { [UInt8](copying: $0) }
    let position = bytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    // Up to here Float64 has every whole number, and so the angle of every position.
    guard position <= 1 << 53 else {
      throw CheckpointError.tensor(
        path: file.path, name: Self.positionName, expected: "at most \(1 << 53)", found: "\(position)")
    }
    return Int(position)
  }
}
