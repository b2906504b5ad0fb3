package import Files
package import Modeling
package import Tensors

/// A place in a text: the state after its tokens up to there, and their digest.
package struct ReadingPoint {
  package var state: ModelState
  package var digest = IDDigest()

  package init(_ state: ModelState) { self.state = state }

  /// Takes over another place, state and all.
  mutating func copy(_ other: ReadingPoint, on pool: WorkerPool) {
    state.copy(other.state, on: pool)
    digest = other.digest
  }
}

/// A token and how it was read, which decides the bits of the state after it.
package struct ReadToken: Equatable, Sendable {
  package let id: Int32
  /// Whether it was made here and not part of a prompt.
  package let isMade: Bool

  package init(id: Int32, isMade: Bool) {
    self.id = id
    self.isMade = isMade
  }
}

/// All that a generator goes on from besides its model: what a state file holds.
package struct ReadingProgress {
  package let chunkLength: Int
  /// Where reading stands.
  package internal(set) var point: ReadingPoint
  /// The last multiple of the chunk length; of use only while there is a `rest`.
  package internal(set) var boundary: ReadingPoint
  /// The tokens since then, unless one of them was made here: such a chunk goes to its end token by token.
  package internal(set) var rest: [Int32]?
  /// Of the token that follows [1, N].
  package let logits: Tensor
  /// What undo goes back to.
  package internal(set) var history: UndoHistory?
  /// All ids that were read, where they are kept.
  package internal(set) var ids: [Int32]?

  /// Nothing read yet.
  ///
  /// - Parameters:
  ///   - vocabularySize: N.
  ///   - chunkLength: Tokens of a prompt that are read at a time.
  ///   - state: Makes an empty state.
  package init(vocabularySize: Int, chunkLength: Int, state: () -> ModelState) {
    self.chunkLength = chunkLength
    point = ReadingPoint(state())
    boundary = ReadingPoint(state())
    rest = []
    logits = Tensor(Shape(1, vocabularySize))
  }

  /// As it was stored.
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

  /// Keeps or forgets all ids from here on.
  ///
  /// - Returns: Whether it could: ids that were not kept do not come back.
  package mutating func keepIDs(_ keeps: Bool) -> Bool {
    if !keeps { ids = nil } else if ids == nil, position == 0 { ids = [] }
    return (ids != nil) == keeps
  }

  /// Keeps a history from here on, so that at least `window` of the tokens that follow can be undone at any time.
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

/// A digest of token ids that can go on from itself: d(0) is 32 zero bytes, d(n) the SHA-256 of d(n − 1) and of the n-th
/// id as four little-endian bytes. So a file that has it need not have the ids to read on, nor to tell a text again.
package struct IDDigest: Equatable, Sendable {
  package private(set) var digest: SHA256Digest

  /// Of no ids.
  package init() { digest = SHA256Digest(bytes: [UInt8](repeating: 0, count: 32)) }

  /// As it was stored.
  package init(_ digest: SHA256Digest) { self.digest = digest }

  /// Of some ids from the first on.
  package init(of ids: some Sequence<Int32>) {
    self.init()
    append(ids)
  }

  /// Takes the ids that follow.
  package mutating func append(_ ids: some Sequence<Int32>) {
    for id in ids { digest = digest.followed(by: UInt32(bitPattern: id)) }
  }
}
