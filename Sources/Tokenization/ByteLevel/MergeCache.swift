/// Remembers the ids of short pre-tokens, most of which occur again.
struct MergeCache {
  /// Places in `ids`, by the bytes of the pre-token with their number.
  private var places: [UInt128: Range<Int>] = [:]
  private var ids: [Int32] = []

  /// The longest pre-token that is remembered.
  static let byteLimit = 15
  private static let countLimit = 1 << 16

  /// The key of a pre-token; nil if it is too long.
  ///
  /// - Parameters:
  ///   - range: Where it is.
  ///   - text: The bytes.
  /// - Returns: The bytes behind their number.
  static func key(_ range: Range<Int>, of text: Span<UInt8>) -> UInt128? {
    guard range.count <= byteLimit else { return nil }
    var key = UInt128(range.count)
    for index in range { key = key << 8 | UInt128(text[index]) }
    return key
  }

  /// Appends the ids of a pre-token; returns whether they are known.
  func append(_ key: UInt128, to result: inout [Int32]) -> Bool {
    guard let place = places[key] else { return false }
    result.append(contentsOf: ids[place])
    return true
  }

  /// Remembers ids. All are forgotten when there are too many.
  mutating func insert(_ key: UInt128, _ found: ArraySlice<Int32>) {
    if places.count >= Self.countLimit {
      places.removeAll(keepingCapacity: true)
      ids.removeAll(keepingCapacity: true)
    }
    let start = ids.count
    ids.append(contentsOf: found)
    places[key] = start..<ids.count
  }
}
