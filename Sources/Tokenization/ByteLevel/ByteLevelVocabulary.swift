internal import Synchronization

/// What encodes text as byte-level BPE.
final class ByteLevelVocabulary: Sendable {
  let byteIDs: [Int32]
  let merges: PairMerges
  let pattern: PreTokenPattern
  let addsPrefixSpace: Bool
  let composes: Bool
  private let wholeIDs: [[UInt8]: Int32]
  /// Those that are looked for in the text as it is.
  let rawTokens: AddedTokens
  /// Those that are looked for in the normalised text.
  let normalizedTokens: AddedTokens
  /// Where a text must not be cut, because an added token may lie there.
  let crossings: [TextCuts.Crossing]
  /// Caches that no encoder is using.
  private let caches = Mutex<[MergeCache]>([])

  init(_ file: TokenizerFile) {
    byteIDs = file.byteIDs
    merges = file.merges
    pattern = file.pattern
    addsPrefixSpace = file.addsPrefixSpace
    composes = file.composes
    wholeIDs = file.wholeIDs
    rawTokens = AddedTokens(file.addedTokens.filter { !$0.isNormalized })
    let normalized = file.addedTokens.filter(\.isNormalized)
    normalizedTokens = AddedTokens(
      normalized.map { token in
        TokenizerFile.AddedToken(
          id: token.id, content: file.composes ? Array(composed(token.content[...])) : token.content,
          isSpecial: token.isSpecial, isNormalized: true)
      })
    crossings = file.addedTokens.flatMap { TextCuts.crossings(of: $0.content) }
  }

  /// The id of a pre-token that is a piece, if it is not merged from its bytes.
  func wholeID(_ range: Range<Int>, of text: Span<UInt8>) -> Int32? {
    guard !wholeIDs.isEmpty else { return nil }
    var bytes: [UInt8] = []
    for index in range { bytes.append(text[index]) }
    return wholeIDs[bytes]
  }

  /// A cache for one encoder; it should be given back.
  func takeCache() -> MergeCache { caches.withLock { $0.popLast() } ?? MergeCache() }

  func giveBack(_ cache: MergeCache) {
    caches.withLock { $0.append(cache) }
  }
}
