internal import Tensors

/// The keys and values of the tokens that one sequence has read.
///
/// Copies share their rows: a copy refers to the first tokens of the other cache's block. A row is overwritten only if no
/// other cache refers to it; otherwise the cache first takes a block of its own. So earlier places of a text, which undo
/// and chunks of prompts return to, cost no memory.
///
/// `@unchecked Sendable`: a state is used by one thread at a time; tasks of the pool only read rows.
final class KeyValueCache: @unchecked Sendable {
  private var block: Block
  /// Number of tokens that were read.
  private(set) var count = 0
  /// The token of the first row. A cache with a window drops tokens that none sees any more; what it drops is a multiple
  /// of a tile, so that the borders of tiles stay where they are.
  private(set) var start = 0
  /// The first token that later ones can see; the tokens before it belong to other documents.
  private(set) var first = 0

  /// Rows, and how many of them each cache refers to.
  private final class Block {
    let rows: KeyValueRows
    var counts: [ObjectIdentifier: Int] = [:]

    init(_ rows: KeyValueRows) { self.rows = rows }

    /// Rows that caches other than this one refer to.
    func countOfOthers(than cache: KeyValueCache) -> Int {
      var most = 0
      for (other, count) in counts where other != ObjectIdentifier(cache) { most = max(most, count) }
      return most
    }
  }

  /// The least room for more tokens in a new block; it is a quarter of the tokens in a long one.
  private static let leastRoom = 64

  /// - Parameters:
  ///   - heads: Hk.
  ///   - headWidth: K.
  ///   - format: The format of the numbers.
  init(heads: Int, headWidth: Int, format: CacheFormat) {
    block = Block(KeyValueRows(capacity: 0, heads: heads, headWidth: headWidth, format: format))
    note()
  }

  /// An empty cache for rows of the same extents and format.
  convenience init(like other: KeyValueCache) {
    self.init(heads: other.rows.heads, headWidth: other.rows.headWidth, format: other.rows.format)
  }

  deinit { block.counts[ObjectIdentifier(self)] = nil }

  var rows: KeyValueRows { block.rows }
  var byteCount: Int { block.rows.byteCount }

  func clear() {
    (count, start, first) = (0, 0, 0)
    note()
  }

  func copy(_ other: KeyValueCache) {
    if block !== other.block {
      block.counts[ObjectIdentifier(self)] = nil
      block = other.block
    }
    (count, start, first) = (other.count, other.start, other.first)
    note()
  }

  /// Appends tokens.
  ///
  /// - Parameters:
  ///   - keys: [T, Hk·K].
  ///   - values: [T, Hk·K].
  ///   - window: Tokens that a token sees; nil: all.
  func append(_ keys: Matrix, _ values: Matrix, window: Int?) {
    if count + keys.rows - start > block.rows.capacity || block.countOfOthers(than: self) > count - start {
      move(room: keys.rows, window: window)
    }
    block.rows.write(keys, values, at: count - start)
    count += keys.rows
    note()
  }

  /// Moves what later tokens can see to a block of its own, with room for more tokens.
  private func move(room: Int, window: Int?) {
    let unseen = max(0, count + 1 - (window ?? .max) - start)
    let dropped = unseen / AttentionMemory.keyRows * AttentionMemory.keyRows
    let kept = count - start - dropped
    let needed = kept + room
    let capacity = (needed + max(Self.leastRoom, needed / 4) + Self.leastRoom - 1) / Self.leastRoom * Self.leastRoom
    let next = Block(
      KeyValueRows(capacity: capacity, heads: rows.heads, headWidth: rows.headWidth, format: rows.format))
    next.rows.copy(rows, rows: dropped..<dropped + kept)
    block.counts[ObjectIdentifier(self)] = nil
    block = next
    start += dropped
  }

  /// Makes later tokens see only the tokens from this one on, where a document starts.
  func startDocument(at token: Int) { first = max(first, token) }

  private func note() { block.counts[ObjectIdentifier(self)] = count - start }

  /// The keys, then the values, as Float32.
  var numbers: [Float] { rows.numbers(rows: count - start) }
}
