internal import Checkpoints
package import Files
internal import Modeling
package import Tensors

/// The content of a state file, in memory (docs/CHECKPOINT.md §5).
package struct SavedState {
  package var progress: ReadingProgress
  /// The state of the random number generator for sampling.
  package var random: UInt64
  /// The recent ids for penalties, -1 before the first; nil if no penalty was active.
  package var recent: [Int32]?
  package var modelDigest: SHA256Digest
  package var tokenizerDigest: SHA256Digest
  /// Whether a training run wrote it at a stop before its first evaluation, in place of a best state.
  package var isOfStop = false

  package init(
    progress: ReadingProgress, random: UInt64, recent: [Int32]? = nil, modelDigest: SHA256Digest,
    tokenizerDigest: SHA256Digest
  ) {
    self.progress = progress
    self.random = random
    self.recent = recent
    self.modelDigest = modelDigest
    self.tokenizerDigest = tokenizerDigest
  }

  /// Drops all ids. Without those of the unfinished chunk, the recurrent form reads that chunk to its end.
  package mutating func forget() {
    (progress.history, progress.ids, recent) = (nil, nil, nil)
    if progress.rest?.isEmpty == false { progress.rest = nil }
  }

  /// Writes a state file, atomically.
  ///
  /// - Parameters:
  ///   - path: Replaced when the whole file is on disk.
  ///   - format: The format of the stored part of retention: Float32 keeps every bit, bfloat16 halves the file.
  /// - Throws: `CheckpointError` when the file cannot be written; the old one is then untouched.
  package func write(to path: String, format: NumberFormat) throws {
    precondition(format != .float16, "SavedState: a state may be larger than Float16 can say")
    var parts: [String: StatePart] = [:]
    for part in self.parts(format) { parts[part.description.name] = part }
    var metadata = [
      "format": "pt",
      StateFile.versionKey: "\(StateFile.version)",
      StateFile.modelKey: modelDigest.description,
      StateFile.tokenizerKey: tokenizerDigest.description,
    ]
    if isOfStop { metadata[StateFile.ofStopKey] = "true" }
    if let history = progress.history { metadata[StateFile.undoKey] = "\(history.window)" }
    let tensors = parts.values.map(\.description)
    func emit(_ tensor: TensorDescription, _ body: (RawSpan) throws -> Void) throws {
      try parts[tensor.name]?.withBytes(body)
    }
    metadata[StateFile.digestKey] = try StateFile.digest(metadata, tensors, emit).description
    try SafetensorsWriter.write(to: path, tensors: tensors, metadata: metadata, bytes: emit)
  }

  private func parts(_ format: NumberFormat) -> [StatePart] {
    let rest = progress.rest ?? []
    var parts = [
      StatePart(name: "logits", .single(progress.logits, .float32)), StatePart(name: "random", .u64, [random]),
      StatePart(name: "rest", .i32, filled(rest, to: progress.chunkLength)),
    ]
    parts += place("", progress.point, format)
    // Without a rest the boundary is not used.
    let boundary = rest.isEmpty ? ReadingPoint(progress.point.state.emptyCopy) : progress.boundary
    parts += place(StateLayout.boundary, boundary, format)
    if let history = progress.history {
      let capacity = UndoHistory.capacity(window: history.window, chunkLength: progress.chunkLength)
      var newer = history.newer
      if !history.hasNewer {
        newer = ReadingPoint(progress.point.state.emptyCopy)
        newer.state.position = -1
      }
      parts += place(StateLayout.older, history.older, format) + place(StateLayout.newer, newer, format)
      let made = history.tokens.map { UInt8($0.isMade ? 1 : 0) }
      parts.append(StatePart(name: "undo.ids", .i32, filled(history.tokens.map(\.id), to: capacity)))
      parts.append(StatePart(name: "undo.made", .u8, made + [UInt8](repeating: 0, count: capacity - made.count)))
    }
    if let recent { parts.append(StatePart(name: "recent", .i32, recent)) }
    if let ids = progress.ids { parts.append(StatePart(name: "ids", .i32, ids)) }
    return parts
  }

  private func place(_ prefix: String, _ point: ReadingPoint, _ format: NumberFormat) -> [StatePart] {
    point.state.parts(prefix, format: format) + [
      StatePart(name: prefix + "position", .i64, [Int64(point.state.position)]),
      StatePart(name: prefix + "digest", .u8, point.digest.digest.bytes),
    ]
  }

  private func filled(_ ids: [Int32], to count: Int) -> [Int32] {
    ids + [Int32](repeating: -1, count: count - ids.count)
  }
}
