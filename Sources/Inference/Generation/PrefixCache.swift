internal import Files
internal import Modeling
package import Tensors

/// Keeps states at borders of chunks, so that a prompt that starts like an earlier one is read from there.
///
/// A state is kept behind the last whole chunk of each prompt, and at the last border that a prompt has in common with
/// an earlier one. A prompt that continues, or shares its beginning with others, finds one of them. The states used
/// longest ago make room.
///
/// It is for prompts that are read from an empty state: then the ids up to a border determine every bit of the state.
package struct PrefixCache {
  /// The places of a prompt where a chunk ends and tokens follow.
  package struct Borders: Sendable {
    /// The digest of the ids up to each border, the first border first.
    let digests: [SHA256Digest]

    /// - Parameters:
    ///   - ids: The ids of the prompt.
    ///   - chunkLength: The number of prompt tokens read at a time.
    package init(_ ids: [Int32], chunkLength: Int) {
      var (digest, digests) = (IDDigest(), [SHA256Digest]())
      // The last token is always read, because its logits are needed.
      for start in stride(from: 0, to: max(0, ids.count - 1), by: chunkLength) {
        let end = start + chunkLength
        guard end < ids.count else { break }
        digest.append(ids[start..<end])
        digests.append(digest.digest)
      }
      self.digests = digests
    }
  }

  private struct Entry {
    let point: ReadingPoint
    let byteCount: Int
    var lastUse: Int
  }

  /// The most bytes of states; 0: none is kept.
  private let byteLimit: Int
  private var entries: [SHA256Digest: Entry] = [:]
  /// Borders of earlier prompts.
  private var seen: Set<SHA256Digest> = []
  private var clock = 0
  /// The bytes of the states.
  package private(set) var byteCount = 0

  private static let entryLimit = 1_024
  private static let seenLimit = 1 << 16

  package init(byteLimit: Int) { self.byteLimit = byteLimit }

  /// The number of states.
  package var count: Int { entries.count }

  /// The last kept state of a prompt.
  ///
  /// - Parameter borders: The borders of the prompt.
  /// - Returns: The state, valid until the next `add`; nil: none is kept.
  package mutating func find(_ borders: Borders) -> ReadingPoint? {
    clock += 1
    for digest in borders.digests.reversed() {
      guard let entry = entries[digest] else { continue }
      entries[digest]?.lastUse = clock
      return entry.point
    }
    return nil
  }

  /// The borders at which the states of a prompt should be kept, as the number of chunks before each.
  package mutating func places(_ borders: Borders) -> Set<Int> {
    guard byteLimit > 0, !borders.digests.isEmpty else { return [] }
    var places: Set<Int> = [borders.digests.count]
    if let common = borders.digests.lastIndex(where: seen.contains) { places.insert(common + 1) }
    if seen.count + borders.digests.count > Self.seenLimit { seen = [] }
    seen.formUnion(borders.digests.prefix(Self.seenLimit))
    return places.filter { entries[borders.digests[$0 - 1]] == nil }
  }

  /// Keeps a copy of a state.
  package mutating func add(_ point: ReadingPoint, on pool: WorkerPool) {
    let size = point.state.byteCount
    guard size <= byteLimit, entries[point.digest.digest] == nil else { return }
    while byteCount + size > byteLimit || entries.count >= Self.entryLimit, removeOldest() {}
    clock += 1
    entries[point.digest.digest] = Entry(point: point.copied(on: pool), byteCount: size, lastUse: clock)
    byteCount += size
  }

  private mutating func removeOldest() -> Bool {
    guard let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse }) else { return false }
    byteCount -= oldest.value.byteCount
    entries[oldest.key] = nil
    return true
  }
}
