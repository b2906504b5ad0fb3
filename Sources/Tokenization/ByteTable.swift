/// Many short byte strings in one buffer.
struct ByteTable: Sendable {
  private var bytes: [UInt8] = []
  private var ends: [Int] = []

  init(_ strings: [ArraySlice<UInt8>]) {
    ends.reserveCapacity(strings.count)
    for string in strings {
      bytes.append(contentsOf: string)
      ends.append(bytes.count)
    }
  }

  /// - Precondition: The index is that of a string.
  subscript(_ index: Int) -> ArraySlice<UInt8> {
    precondition(ends.indices.contains(index), "byte table: \(index) outside 0..<\(ends.count)")
    return bytes[(index == 0 ? 0 : ends[index - 1])..<ends[index]]
  }
}
