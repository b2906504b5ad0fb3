/// The central directory of a zip archive, located from the end of the file.
struct ArchiveDirectory {
  /// What the directory says about an entry.
  struct Entry {
    let name: String
    let headOffset: Int
    /// The size of the data in the file.
    let byteCount: Int
    /// The compression method; 0: none.
    let method: Int
  }

  /// The size limit of a directory.
  static let byteLimit = 100_000_000

  /// The position of the directory in the file.
  let range: Range<Int>
  private let entryCount: Int
  private let path: String

  /// Locates the directory, in the 64-bit form if there is one.
  init(path: String, fileByteCount: Int, copyBytes: (Range<Int>) -> [UInt8]) throws(CheckpointError) {
    func failure(_ expected: String, _ found: String) -> CheckpointError {
      .archive(path: path, entry: nil, expected: expected, found: found)
    }
    let (locatorByteCount, endByteCount) = (20, 22)
    let tailStart = max(0, fileByteCount - locatorByteCount - endByteCount - Int(UInt16.max))
    let tail = copyBytes(tailStart..<fileByteCount)
    let place = stride(from: tail.count - endByteCount, through: 0, by: -1).first { place in
      tail.littleEndian(at: place, count: 4) == 0x0605_4B50
        && Int(tail.littleEndian(at: place + 20, count: 2)) == tail.count - place - endByteCount
    }
    guard let place else { throw failure("a zip archive's directory at the end", "none") }
    var end = tailStart + place
    var disks = (tail.littleEndian(at: place + 4, count: 2), tail.littleEndian(at: place + 6, count: 2))
    var fields = [(10, 2), (12, 4), (16, 4)].map { tail.littleEndian(at: place + $0.0, count: $0.1) }

    if place >= locatorByteCount, tail.littleEndian(at: place - locatorByteCount, count: 4) == 0x0706_4B50 {
      let recordByteCount = 56
      let offset = tail.littleEndian(at: place - locatorByteCount + 8, count: 8)
      guard let start = Int(exactly: offset), start <= end - locatorByteCount - recordByteCount else {
        throw failure("a zip64 record before byte \(end)", "one at \(offset)")
      }
      let record = copyBytes(start..<start + recordByteCount)
      guard record.littleEndian(at: 0, count: 4) == 0x0606_4B50 else {
        throw failure("a zip64 record at byte \(start)", "other bytes")
      }
      end = start
      disks = (record.littleEndian(at: 16, count: 4), record.littleEndian(at: 20, count: 4))
      fields = [32, 40, 48].map { record.littleEndian(at: $0, count: 8) }
    }
    guard disks == (0, 0) else { throw failure("an archive in one file", "a part of one") }
    let (count, byteCount, offset) = (fields[0], fields[1], fields[2])
    guard byteCount <= Self.byteLimit else {
      throw failure("a directory of at most \(Self.byteLimit) bytes", "\(byteCount)")
    }
    guard let start = Int(exactly: offset), start <= end, Int(byteCount) <= end - start else {
      throw failure("a directory before byte \(end)", "\(byteCount) bytes from \(offset)")
    }
    guard count <= byteCount / UInt64(Self.entryByteCount) else {
      throw failure("at most \(byteCount / UInt64(Self.entryByteCount)) entries", "\(count)")
    }
    self.path = path
    range = start..<start + Int(byteCount)
    entryCount = Int(count)
  }

  // The size of an entry's fixed part; name, extra fields and comment follow it.
  private static let entryByteCount = 46

  /// Reads all entries; each must be complete and unencrypted.
  func readEntries(_ bytes: [UInt8]) throws(CheckpointError) -> [Entry] {
    var entries: [Entry] = []
    entries.reserveCapacity(entryCount)
    var start = 0
    for _ in 0..<entryCount {
      let variable = start + Self.entryByteCount
      guard variable <= bytes.count, bytes.littleEndian(at: start, count: 4) == 0x0201_4B50 else {
        throw .archive(
          path: path, entry: nil, expected: "a directory entry at byte \(range.lowerBound + start)", found: "none")
      }
      let lengths = [28, 30, 32].map { Int(bytes.littleEndian(at: start + $0, count: 2)) }
      let end = variable + lengths.reduce(0, +)
      guard end <= bytes.count else {
        throw .archive(
          path: path, entry: nil, expected: "a directory of \(end) bytes or more", found: "\(bytes.count)")
      }
      let nameEnd = variable + lengths[0]
      guard lengths[0] <= HeaderReader.nameByteLimit,
        let name = String(validating: bytes[variable..<nameEnd], as: UTF8.self)
      else {
        throw .archive(
          path: path, entry: nil, expected: "names of at most \(HeaderReader.nameByteLimit) bytes of UTF-8",
          found: "another")
      }
      entries.append(
        try readEntry(name, bytes, start: start, extra: nameEnd..<nameEnd + lengths[1]))
      start = end
    }
    guard start == bytes.count else {
      throw .archive(path: path, entry: nil, expected: "a directory of \(start) bytes", found: "\(bytes.count)")
    }
    return entries
  }

  private func readEntry(
    _ name: String, _ bytes: [UInt8], start: Int, extra: Range<Int>
  ) throws(CheckpointError) -> Entry {
    func failure(_ expected: String, _ found: String) -> CheckpointError {
      .archive(path: path, entry: name, expected: expected, found: found)
    }
    guard bytes.littleEndian(at: start + 8, count: 2) & 1 == 0 else { throw failure("data in the clear", "encrypted") }
    let method = Int(bytes.littleEndian(at: start + 10, count: 2))
    // The order of the values in the 64-bit field: size, stored size, offset. Each is present only if 32 bits do not
    // suffice.
    var values = [24, 20, 42].map { bytes.littleEndian(at: start + $0, count: 4) }
    var field = wideField(bytes, in: extra)
    for index in values.indices where values[index] == UInt64(UInt32.max) {
      guard field.count >= 8 else { throw failure("64-bit sizes", "none") }
      values[index] = bytes.littleEndian(at: field.lowerBound, count: 8)
      field = field.lowerBound + 8..<field.upperBound
    }
    guard values[0] == values[1] || method != 0 else {
      throw failure("\(values[0]) stored bytes", "\(values[1])")
    }
    guard bytes.littleEndian(at: start + 34, count: 2) == 0, let byteCount = Int(exactly: values[1]),
      let headOffset = Int(exactly: values[2])
    else {
      throw failure("data in this file", "\(values[1]) bytes from \(values[2])")
    }
    return Entry(name: name, headOffset: headOffset, byteCount: byteCount, method: method)
  }

  // The content of the extra field with id 1; empty if there is none.
  private func wideField(_ bytes: [UInt8], in extra: Range<Int>) -> Range<Int> {
    var start = extra.lowerBound
    while start + 4 <= extra.upperBound {
      let contents = start + 4
      let end = contents + Int(bytes.littleEndian(at: start + 2, count: 2))
      if end > extra.upperBound { break }
      if bytes.littleEndian(at: start, count: 2) == 1 { return contents..<end }
      start = end
    }
    return extra.upperBound..<extra.upperBound
  }
}
