/// The merges of byte-level BPE: which two neighbours become one piece, and which are merged first.
struct PairMerges {
  /// By both ids, the rank in the upper half and the id of the merged piece in the lower half.
  private var merges: [UInt64: UInt64] = [:]

  /// Adds a merge; a later one of the same pair replaces it.
  mutating func append(_ left: Int32, _ right: Int32, into merged: Int32, rank: UInt32) {
    merges[Self.key(left, right)] = UInt64(rank) << 32 | UInt64(UInt32(bitPattern: merged))
  }

  mutating func reserveCapacity(_ count: Int) { merges.reserveCapacity(count) }

  private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
  }

  fileprivate func merge(_ left: Int32, _ right: Int32) -> (rank: UInt32, id: Int32)? {
    merges[Self.key(left, right)].map {
      (UInt32(truncatingIfNeeded: $0 >> 32), Int32(truncatingIfNeeded: $0))
    }
  }
}

/// Merges the pieces of one pre-token, in O(n log n) for n bytes. It holds memory that is used again.
struct PairMerger {
  private var ids: [Int32] = []
  /// The index of the next piece that is left.
  private var next: [Int] = []
  private var previous: [Int] = []
  /// A binary heap of rank and index, the lowest first: equal pairs are merged from the left.
  private var heap: [UInt64] = []

  /// Appends the ids that are left of a pre-token after all merges.
  ///
  /// - Parameters:
  ///   - range: Where the pre-token is; not empty.
  ///   - text: The bytes.
  ///   - byteIDs: The piece of each byte.
  ///   - merges: The merges of the vocabulary.
  ///   - result: Receives the ids.
  mutating func merge(
    _ range: Range<Int>, of text: Span<UInt8>, byteIDs: [Int32], by merges: PairMerges, to result: inout [Int32]
  ) {
    ids.removeAll(keepingCapacity: true)
    next.removeAll(keepingCapacity: true)
    previous.removeAll(keepingCapacity: true)
    for index in range {
      previous.append(ids.count - 1)
      ids.append(byteIDs[Int(text[index])])
      next.append(ids.count)
    }
    heap.removeAll(keepingCapacity: true)
    for index in ids.indices { push(index, merges) }
    while let (rank, index) = pop() {
      // An entry is out of date if one of its pieces was merged.
      guard ids[index] >= 0, next[index] < ids.count,
        let merge = merges.merge(ids[index], ids[next[index]]), merge.rank == rank
      else { continue }
      let removed = next[index]
      ids[index] = merge.id
      ids[removed] = -1
      next[index] = next[removed]
      if next[removed] < ids.count { previous[next[removed]] = index }
      push(index, merges)
      if previous[index] >= 0 { push(previous[index], merges) }
    }
    result.append(contentsOf: ids.lazy.filter { $0 >= 0 })
  }

  private mutating func push(_ index: Int, _ merges: PairMerges) {
    guard next[index] < ids.count, let merge = merges.merge(ids[index], ids[next[index]]) else { return }
    var child = heap.count
    heap.append(UInt64(merge.rank) << 32 | UInt64(index))
    while child > 0, heap[child] < heap[(child - 1) / 2] {
      heap.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  private mutating func pop() -> (rank: UInt32, index: Int)? {
    guard let first = heap.first, let last = heap.popLast() else { return nil }
    if !heap.isEmpty {
      heap[0] = last
      var parent = 0
      while 2 * parent + 1 < heap.count {
        var child = 2 * parent + 1
        if child + 1 < heap.count, heap[child + 1] < heap[child] { child += 1 }
        guard heap[child] < heap[parent] else { break }
        heap.swapAt(child, parent)
        parent = child
      }
    }
    return (UInt32(truncatingIfNeeded: first >> 32), Int(first & 0xFFFF_FFFF))
  }
}
