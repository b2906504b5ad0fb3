package import Files
package import Modeling
package import Tensors

/// A place in a text: the recurrent state after the tokens up to there, and the digest of their ids.
package struct ReadingPoint: Sendable {
  package var state: ModelState
  package var digest = IDDigest()

  package init(_ state: ModelState) { self.state = state }

  /// Copies another place, including the numbers of its state.
  mutating func copy(_ other: ReadingPoint, on pool: WorkerPool) {
    state.copy(other.state, on: pool)
    digest = other.digest
  }

  /// A copy with memory of its own.
  func copied(on pool: WorkerPool) -> ReadingPoint {
    var copy = ReadingPoint(state.emptyCopy)
    copy.copy(self, on: pool)
    return copy
  }
}

/// A token and its origin, which determines the form in which it is read, and so the bits of the state.
package struct ReadToken: Equatable, Sendable {
  package let id: Int32
  /// Whether it was generated; otherwise it was part of a prompt.
  package let isMade: Bool

  package init(id: Int32, isMade: Bool) {
    self.id = id
    self.isMade = isMade
  }
}

/// Everything needed to resume generation, besides the model; a state file holds the same.
package struct ReadingProgress: Sendable {
  package let chunkLength: Int
  /// The current place.
  package internal(set) var point: ReadingPoint
  /// The place at the last multiple of the chunk length; used only while there is a `rest`.
  package internal(set) var boundary: ReadingPoint
  /// The prompt tokens since the boundary. nil if one of them was generated or they are unknown; the recurrent form
  /// then reads the chunk to its end.
  package internal(set) var rest: [Int32]?
  /// The logits [1, N] of the next token.
  package let logits: Tensor
  /// The history for undo; nil: none.
  package internal(set) var history: UndoHistory?
  /// All ids that were read; nil: they are not kept.
  package internal(set) var ids: [Int32]?

  /// Progress with nothing read.
  ///
  /// - Parameters:
  ///   - vocabularySize: N.
  ///   - chunkLength: The number of prompt tokens read at a time.
  ///   - state: Makes the state to start from; called twice.
  package init(vocabularySize: Int, chunkLength: Int, state: () -> ModelState) {
    self.chunkLength = chunkLength
    point = ReadingPoint(state())
    boundary = ReadingPoint(state())
    rest = []
    logits = Tensor(Shape(1, vocabularySize))
  }

  /// Progress from its stored parts.
  init(
    chunkLength: Int, point: ReadingPoint, boundary: ReadingPoint, rest: [Int32]?, logits: Tensor,
    history: UndoHistory?, ids: [Int32]?
  ) {
    self.chunkLength = chunkLength
    self.point = point
    self.boundary = boundary
    self.rest = rest
    self.logits = logits
    self.history = history
    self.ids = ids
  }

  package var position: Int { point.state.position }

  /// Progress with nothing read, from an empty state.
  package init(_ configuration: ModelConfiguration, chunkLength: Int) {
    self.init(vocabularySize: configuration.vocabularySize, chunkLength: chunkLength) {
      ModelState(configuration, batch: 1)
    }
  }

  /// Forgets everything that was read; the state is then empty.
  package mutating func clear(on pool: WorkerPool) {
    point.state.clear(on: pool)
    point.digest = IDDigest()
    boundary.copy(point, on: pool)
    (rest, history, ids) = ([], nil, nil)
  }

  /// Continues at a border of chunks up to which a prompt was read, from a copy of the state there.
  package mutating func start(at border: ReadingPoint, on pool: WorkerPool) {
    point.copy(border, on: pool)
    boundary.copy(border, on: pool)
    (rest, history, ids) = ([], nil, nil)
  }

  /// A copy with memory of its own.
  package func copied(on pool: WorkerPool) -> ReadingProgress {
    let copy = ReadingProgress(
      chunkLength: chunkLength, point: point.copied(on: pool), boundary: boundary.copied(on: pool), rest: rest,
      logits: Tensor(logits.shape), history: history?.copied(on: pool), ids: ids)
    copy.logits.copy(logits, on: pool)
    return copy
  }

  /// Bytes of its states.
  package var byteCount: Int { point.state.byteCount * (history == nil ? 2 : 4) }

  /// Starts or stops keeping all ids.
  ///
  /// - Returns: Whether it was possible: ids that were not kept from the first token on cannot be recovered.
  package mutating func keepIDs(_ keeps: Bool) -> Bool {
    if !keeps { ids = nil } else if ids == nil, position == 0 { ids = [] }
    return (ids != nil) == keeps
  }

  /// Starts a history for undo; see `UndoHistory.window`.
  package mutating func keepHistory(window: Int, on pool: WorkerPool) {
    let prompt = rest ?? []
    history = UndoHistory(
      window: window, chunkLength: chunkLength, from: prompt.isEmpty ? point : boundary,
      tokens: prompt.map { ReadToken(id: $0, isMade: false) }, on: pool)
  }
}

extension InitialState {
  /// Progress with nothing read, for a generator or a state file.
  package func readingProgress(_ configuration: ModelConfiguration, on pool: WorkerPool) -> ReadingProgress {
    ReadingProgress(
      vocabularySize: configuration.vocabularySize, chunkLength: PromptChunkLength.length(configuration)
    ) { makeState(configuration, on: pool) }
  }
}

/// A digest of token ids that can be extended: d(0) is 32 zero bytes, d(n) is the SHA-256 of d(n − 1) and the n-th id
/// as four little-endian bytes.
///
/// A file with the digest can do without the ids: reading resumes from it, and it recognises the same text.
package struct IDDigest: Equatable, Sendable {
  package private(set) var digest: SHA256Digest

  /// The digest of no ids.
  package init() { digest = SHA256Digest(bytes: [UInt8](repeating: 0, count: 32)) }

  /// A stored digest.
  package init(_ digest: SHA256Digest) { self.digest = digest }

  /// The digest of ids, starting with the first.
  package init(of ids: some Sequence<Int32>) {
    self.init()
    append(ids)
  }

  /// Extends the digest by the ids that follow.
  package mutating func append(_ ids: some Sequence<Int32>) {
    for id in ids { digest = digest.followed(by: UInt32(bitPattern: id)) }
  }
}
