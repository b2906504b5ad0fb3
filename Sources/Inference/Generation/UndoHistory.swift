internal import Modeling
internal import Tensors

/// The history for undo: one or two earlier places and the tokens since, in constant memory.
///
/// A state cannot be computed backwards: for a fast head, dividing by the decay multiplies rounding errors by e after
/// some thirty tokens. So undo replays tokens from an earlier place.
package struct UndoHistory: Sendable {
  /// At least this many of the last tokens can be undone, except the first token after the start of the history.
  package let window: Int
  let chunkLength: Int
  package private(set) var older: ReadingPoint
  private(set) var newer: ReadingPoint
  private(set) var hasNewer = false
  /// The tokens read since `older`.
  package private(set) var tokens: [ReadToken]

  /// The allowed windows.
  package static let windowRange = 1...1_048_576

  /// A history that starts at a place.
  ///
  /// - Parameters:
  ///   - window: See `window`.
  ///   - chunkLength: The number of prompt tokens read at a time.
  ///   - start: The place; copied.
  ///   - tokens: The tokens read since then.
  ///   - pool: Where the copy runs.
  init(window: Int, chunkLength: Int, from start: ReadingPoint, tokens: [ReadToken], on pool: WorkerPool) {
    self.window = window
    self.chunkLength = chunkLength
    older = ReadingPoint(start.state.emptyCopy)
    newer = ReadingPoint(start.state.emptyCopy)
    older.copy(start, on: pool)
    self.tokens = tokens
  }

  /// A history from its stored parts.
  init(window: Int, chunkLength: Int, older: ReadingPoint, newer: ReadingPoint, hasNewer: Bool, tokens: [ReadToken]) {
    self.window = window
    self.chunkLength = chunkLength
    self.older = older
    self.newer = newer
    self.hasNewer = hasNewer
    self.tokens = tokens
  }

  /// A copy with memory of its own.
  func copied(on pool: WorkerPool) -> UndoHistory {
    UndoHistory(
      window: window, chunkLength: chunkLength, older: older.copied(on: pool), newer: newer.copied(on: pool),
      hasNewer: hasNewer, tokens: tokens)
  }

  /// The maximum number of tokens between calls. C is the chunk length:
  ///
  /// - a place becomes `older` at most `window` + C tokens after it;
  /// - the next `newer` is at most C tokens after that;
  /// - the current place is at most `window` tokens after `newer`.
  static func capacity(window: Int, chunkLength: Int) -> Int { 2 * (window + chunkLength) }

  /// Whether the distances between the places are possible between calls, so that the capacity suffices.
  var isWithinBounds: Bool {
    let newest = older.state.position + tokens.count
    let next = hasNewer ? newer.state.position : newest
    return next - older.state.position <= window + 2 * chunkLength && newest - next <= window
  }

  /// The number of tokens that can be undone now. At least one must be read again, because its logits are needed.
  package var limit: Int { max(0, tokens.count - 1) }

  /// Records tokens that are about to be read.
  mutating func note(_ ids: some Sequence<Int32>, isMade: Bool) {
    for id in ids { tokens.append(ReadToken(id: id, isMade: isMade)) }
  }

  /// Updates the places after tokens were read.
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

  /// Returns to the last place before a position.
  ///
  /// - Parameter position: Greater than that of `older`.
  /// - Returns: The place, and the tokens from there to the position, which must be read again.
  mutating func goBack(to position: Int) -> (place: ReadingPoint, tokens: [ReadToken]) {
    if hasNewer, newer.state.position >= position { hasNewer = false }
    let place = hasNewer ? newer : older
    let start = place.state.position - older.state.position
    let again = tokens[start..<position - older.state.position]
    tokens.removeSubrange(start...)
    return (place, Array(again))
  }
}
