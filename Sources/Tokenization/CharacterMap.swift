/// Validates the compiled normalisation rules of a model, which SentencePiece uses without any check.
///
/// The blob is a 32-bit byte count, a Darts-clone double array of that size (32-bit units), and replacement texts that
/// end in zero bytes. A walk over all nodes proves that no look-up can leave the array or the texts.
/// Source: SentencePiece, `normalizer.cc`; Darts-clone, `DoubleArrayImpl::commonPrefixSearch`.
struct CharacterMap {
  // normalizer.h: Normalizer::kMaxTrieResultsSize; more matches overrun an array on SentencePiece's stack.
  private static let matchLimit = 32
  // Far more than existing rules need; it also ends walks in cycles.
  private static let depthLimit = 256

  private let units: [UInt32]
  private let texts: ArraySlice<UInt8>

  /// Checks a blob.
  ///
  /// - Parameter blob: The `precompiled_charsmap` of a `NormalizerSpec`, not empty.
  /// - Throws: `ModelProblem`.
  static func validate(_ blob: ArraySlice<UInt8>) throws(ModelProblem) {
    let map = try CharacterMap(blob)
    var matchCounts = [Int?](repeating: nil, count: map.units.count)
    let matchCount = try map.validate(node: 0, depth: 0, &matchCounts)
    guard matchCount <= matchLimit else { throw ModelProblem("the normalisation rules nest too deep") }
  }

  private init(_ blob: ArraySlice<UInt8>) throws(ModelProblem) {
    guard blob.count > 4 else { throw ModelProblem("the normalisation rules are cut") }
    let trieByteCount = Int(littleEndian(blob.prefix(4)))
    let body = blob.dropFirst(4)
    // Darts-clone fills whole blocks of 256 units, so each of the 256 possible children of a node is in its block.
    guard trieByteCount > 0, trieByteCount % 1024 == 0, trieByteCount < body.count else {
      throw ModelProblem("the trie of the normalisation rules has \(trieByteCount) bytes")
    }
    texts = body.dropFirst(trieByteCount)
    guard texts.last == 0 else { throw ModelProblem("the texts of the normalisation rules do not end") }
    let trie = body.prefix(trieByteCount)
    units = stride(from: trie.startIndex, to: trie.endIndex, by: 4).map { littleEndian(trie[$0..<$0 + 4]) }
  }

  /// Validates everything below a node; a node shared by several paths is validated once.
  ///
  /// - Returns: The largest number of matches on a path from the node to the end of a rule.
  private func validate(node: Int, depth: Int, _ matchCounts: inout [Int?]) throws(ModelProblem) -> Int {
    if let known = matchCounts[node] { return known }
    guard depth < Self.depthLimit else { throw ModelProblem("the normalisation rules have no end") }
    let unit = units[node]
    let children = node ^ Int((unit >> 10) << ((unit & 1 << 9) >> 6))
    guard children < units.count else { throw ModelProblem("the normalisation rules lead outside their trie") }
    let isMatch = unit & 1 << 8 != 0
    guard !isMatch || Int(units[children] & 0x7FFF_FFFF) < texts.count else {
      throw ModelProblem("the normalisation rules lead outside their texts")
    }
    var most = 0
    for label in 0..<256 where units[children ^ label] & 0x8000_00FF == UInt32(label) {
      most = max(most, try validate(node: children ^ label, depth: depth + 1, &matchCounts))
    }
    matchCounts[node] = most + (isMatch ? 1 : 0)
    return most + (isMatch ? 1 : 0)
  }
}
