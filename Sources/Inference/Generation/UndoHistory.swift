internal import Modeling
internal import Tensors

/// What undo goes back to: one or two earlier places and the tokens since, in memory that does not grow.
///
/// A state cannot be computed backwards: dividing by the decay multiplies the rounding of a fast head by e after some
/// thirty tokens. So going back is going forward again from an earlier place.
package struct UndoHistory {
  /// At least this many of the tokens that were read since the history began can be undone.
  package let window: Int
  let chunkLength: Int
  package private(set) var older: ReadingPoint
  private(set) var newer: ReadingPoint
  private(set) var hasNewer = false
  /// Those after `older`.
  package private(set) var tokens: [ReadToken]

  /// The windows that can be asked for.
  package static let windowRange = 1...1_048_576

  /// A history that begins at a place.
  ///
  /// - Parameters:
  ///   - window: See above.
  ///   - chunkLength: Tokens of a prompt that are read at a time.
  ///   - start: Copied.
  ///   - tokens: Those read since.
  ///   - pool: Where the copy runs.
  init(window: Int, chunkLength: Int, from start: ReadingPoint, tokens: [ReadToken], on pool: WorkerPool) {
    self.window = window
    self.chunkLength = chunkLength
    older = ReadingPoint(start.state.emptyCopy)
    newer = ReadingPoint(start.state.emptyCopy)
    older.copy(start, on: pool)
    self.tokens = tokens
  }

  /// As it was stored.
  init(window: Int, chunkLength: Int, older: ReadingPoint, newer: ReadingPoint, hasNewer: Bool, tokens: [ReadToken]) {
    self.window = window
    self.chunkLength = chunkLength
    self.older = older
    self.newer = newer
    self.hasNewer = hasNewer
    self.tokens = tokens
  }

  /// The most tokens that there can be between calls: a place is promoted within a chunk of being `window` tokens behind,
  /// the newer one is taken within a chunk of that, and is then at most `window` behind.
  static func capacity(window: Int, chunkLength: Int) -> Int { 2 * (window + chunkLength) }

  /// Whether the places lie as they do between calls, so that the capacity will hold.
  var isWithinBounds: Bool {
    let newest = older.state.position + tokens.count
    let next = hasNewer ? newer.state.position : newest
    return next - older.state.position <= window + 2 * chunkLength && newest - next <= window
  }

  /// The tokens that can be undone now; one has to be read again, for the logits after it.
  package var limit: Int { max(0, tokens.count - 1) }

  /// Takes tokens that are about to be read.
  mutating func note(_ ids: some Sequence<Int32>, isMade: Bool) {
    for id in ids { tokens.append(ReadToken(id: id, isMade: isMade)) }
  }

  /// Moves on after tokens were read.
  mutating func moved(to point: ReadingPoint, on pool: WorkerPool) {
    let position = point.state.position
    if hasNewer, position - newer.state.position > window {
      tokens.removeFirst(newer.state.position - older.state.position)
      swap(&older, &newer)
      hasNewer = false
    }
    if !hasNewer, position % chunkLength == 0, position > older.state.position {
      newer.copy(point, on: pool)
      hasNewer = true
    }
  }

  /// Goes back to the last place before a position.
  ///
  /// - Parameter position: More than that of `older`.
  /// - Returns: The place, and the tokens from there to the position, which have to be read again.
  mutating func goBack(to position: Int) -> (place: ReadingPoint, tokens: [ReadToken]) {
    if hasNewer, newer.state.position >= position { hasNewer = false }
    let place = hasNewer ? newer : older
    let start = place.state.position - older.state.position
    let again = tokens[start..<position - older.state.position]
    tokens.removeSubrange(start...)
    return (place, Array(again))
  }
}
