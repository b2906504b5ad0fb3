/// The last tokens that a generator has read, as many as penalties can look back to.
package struct RecentTokens: Sendable {
  /// The largest look-back (`--repeat-last-n`), in tokens.
  package static let limit = 65_536

  /// Oldest first. Holds at least the last `limit` tokens that were appended.
  package private(set) var ids: [Int32]

  /// - Parameter ids: Tokens that were read before; negative ones stand for none and are left out.
  package init(_ ids: [Int32] = []) { self.ids = ids.filter { $0 >= 0 } }

  package var last: Int32? { ids.last }

  package mutating func append(_ new: some Collection<Int32>) {
    ids += new.suffix(Self.limit)
    // Trimmed at twice the limit, so that a token costs constant time on average.
    if ids.count > 2 * Self.limit { ids.removeFirst(ids.count - Self.limit) }
  }

  /// Removes the last tokens, as many as are kept.
  package mutating func removeLast(_ count: Int) { ids.removeLast(min(count, ids.count)) }
}
