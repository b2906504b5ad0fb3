internal import Checkpoints
internal import Files
internal import Modeling
internal import Retention
internal import Tensors

/// Reads the numbers of a state file and checks them.
extension StateFile {
  /// The number of tokens that the state has read.
  ///
  /// - Throws: `StateFileError`.
  package var position: Int {
    get throws { try position("", in: 0...Self.positionLimit) }
  }

  // Up to here Float64 has every whole number, and so the angle of every position.
  private static var positionLimit: Int { 1 << 53 }

  /// Reads the whole state.
  ///
  /// - Throws: `StateFileError` for numbers that no state can have, or for a wrong digest.
  package func load() throws -> SavedState {
    try checkDigest()
    let point = try place("", in: 0...Self.positionLimit)
    guard point.state.position > 0 || point.digest == IDDigest() else {
      throw content("digest", "32 zero bytes, as nothing was read", "others")
    }
    let position = point.state.position
    let rest = try ids("rest", atMost: layout.chunkLength)
    guard rest.isEmpty || rest.count == position % layout.chunkLength else {
      throw content("rest", "\(position % layout.chunkLength) ids or none", "\(rest.count)")
    }
    let boundaryPosition = rest.isEmpty ? 0 : position - rest.count
    let boundary = try place(StateLayout.boundary, in: boundaryPosition...boundaryPosition)
    if !rest.isEmpty { try checkDigest("rest", from: boundary.digest, rest, to: point.digest) }
    let logits = Tensor(Shape(1, layout.vocabularySize))
    try fill(StatePart(name: "logits", .single(logits, .float32)))
    let all = try layout.idCount.map { _ in try allIDs(position, point.digest) }
    return SavedState(
      progress: ReadingProgress(
        chunkLength: layout.chunkLength, point: point, boundary: boundary,
        rest: rest.isEmpty && position % layout.chunkLength != 0 ? nil : rest, logits: logits,
        history: try layout.undoWindow.map { try history(window: $0, point) }, ids: all),
      random: [UInt64](littleEndian: try bytes("random"))[0], recent: try recent(), modelDigest: modelDigest,
      tokenizerDigest: tokenizerDigest)
  }

  /// Reads one place.
  private func place(_ prefix: String, in range: ClosedRange<Int>) throws -> ReadingPoint {
    var state = layout.makeState()
    state.position = try position(prefix, in: range)
    for part in state.parts(prefix, format: layout.format) { try fill(part) }
    for (index, layer) in state.layers.enumerated() {
      guard layer.scales.allSatisfy({ (0.5...1).contains($0) }) else {
        throw content("\(prefix)layers.\(index).scales", "numbers from 0.5 to 1", "others")
      }
    }
    var point = ReadingPoint(state)
    point.digest = IDDigest(SHA256Digest(bytes: try bytes(prefix + "digest")))
    return point
  }

  private func position(_ prefix: String, in range: ClosedRange<Int>) throws -> Int {
    let found = [Int64](littleEndian: try bytes(prefix + "position"))[0]
    guard let position = Int(exactly: found), range.contains(position) else {
      let expected = range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound) to \(range.upperBound)"
      throw content(prefix + "position", expected, "\(found)")
    }
    return position
  }

  private func history(window: Int, _ point: ReadingPoint) throws -> UndoHistory {
    let position = point.state.position
    let capacity = UndoHistory.capacity(window: window, chunkLength: layout.chunkLength)
    let ids = try ids("undo.ids", atMost: capacity)
    guard ids.count <= position else { throw content("undo.ids", "at most \(position) ids", "\(ids.count)") }
    let older = try place(StateLayout.older, in: position - ids.count...position - ids.count)
    let newer = try place(StateLayout.newer, in: -1...position)
    let hasNewer = newer.state.position >= 0
    if hasNewer, newer.state.position <= older.state.position {
      throw content(
        StateLayout.newer + "position", "-1 or more than \(older.state.position)", "\(newer.state.position)")
    }
    let border = hasNewer ? newer.state.position - older.state.position : 0
    if hasNewer { try checkDigest("undo.ids", from: older.digest, ids.prefix(border), to: newer.digest) }
    try checkDigest(
      "undo.ids", from: hasNewer ? newer.digest : older.digest, ids.dropFirst(border), to: point.digest)
    let made = try bytes("undo.made")
    guard made.allSatisfy({ $0 <= 1 }) else { throw content("undo.made", "zeros and ones", "others") }
    let history = UndoHistory(
      window: window, chunkLength: layout.chunkLength, older: older, newer: newer, hasNewer: hasNewer,
      tokens: zip(ids, made).map { ReadToken(id: $0, isMade: $1 == 1) })
    guard history.isWithinBounds else {
      throw content("undo.ids", "places that are no further apart than the window and two chunks", "others")
    }
    return history
  }

  /// Reads ids that are padded with -1.
  private func ids(_ name: String, atMost limit: Int) throws -> [Int32] {
    let all = [Int32](littleEndian: try bytes(name))
    let ids = Array(all.prefix { $0 >= 0 })
    guard all.dropFirst(ids.count).allSatisfy({ $0 == -1 }) else { throw content(name, "ids, then -1", "others") }
    try checkIDs(ids, name)
    return ids
  }

  private func allIDs(_ position: Int, _ digest: IDDigest) throws -> [Int32] {
    let ids = [Int32](littleEndian: try bytes("ids"))
    guard ids.count == position else { throw content("ids", "\(position) ids", "\(ids.count)") }
    try checkIDs(ids, "ids")
    try checkDigest("ids", from: IDDigest(), ids, to: digest)
    return ids
  }

  private func recent() throws -> [Int32]? {
    guard layout.recentCount != nil else { return nil }
    let recent = [Int32](littleEndian: try bytes("recent"))
    try checkIDs(recent.drop { $0 == -1 }, "recent")
    return recent
  }

  private func checkIDs(_ ids: some Sequence<Int32>, _ name: String) throws {
    let limit = Int32(clamping: layout.vocabularySize)
    if let wrong = ids.first(where: { !(0..<limit).contains($0) }) {
      throw content(name, "ids from 0 to \(limit - 1)", "\(wrong)")
    }
  }

  private func checkDigest(
    _ name: String, from start: IDDigest, _ ids: some Sequence<Int32>, to end: IDDigest
  ) throws {
    var digest = start
    digest.append(ids)
    guard digest == end else { throw content(name, "ids of the stored digest", "others") }
  }

  private func content(_ name: String, _ expected: String, _ found: String) -> StateFileError {
    .content(path: path, name: name, expected: expected, found: found)
  }
}
