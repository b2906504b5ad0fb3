/// A zip archive with uncompressed data: the names of its entries, and the positions of their data in the file.
///
/// Only the central directory is used. The whole file is refused if the directory contradicts itself or the file.
/// Checksums are not verified. Source: PKWARE APPNOTE 6.3.10; docs/CHECKPOINT.md §3.
struct StoredArchive {
  private(set) var ranges: [String: Range<Int>] = [:]
  private let compressed: ArchiveDirectory.Entry?

  private let path: String
  private let copyBytes: (Range<Int>) -> [UInt8]

  /// Reads the central directory and the local header of every entry.
  ///
  /// - Parameters:
  ///   - path: The path to name in errors.
  ///   - fileByteCount: The length of the whole file.
  ///   - copyBytes: Reads a range within the file.
  /// - Throws: `CheckpointError.archive`.
  init(path: String, fileByteCount: Int, copyBytes: @escaping (Range<Int>) -> [UInt8]) throws(CheckpointError) {
    self.path = path
    self.copyBytes = copyBytes
    let directory = try ArchiveDirectory(path: path, fileByteCount: fileByteCount, copyBytes: copyBytes)
    let entries = try directory.readEntries(copyBytes(directory.range))
    // Sorted by header, each entry must end before the next starts, so that no two entries share bytes.
    let ordered = entries.sorted { $0.headOffset < $1.headOffset }
    compressed = entries.first { $0.method != 0 }
    for (index, entry) in ordered.enumerated() {
      let next = index + 1 < ordered.count ? ordered[index + 1].headOffset : .max
      let limit = min(next, directory.range.lowerBound)
      let range = try dataRange(of: entry, before: limit)
      guard ranges.updateValue(range, forKey: entry.name) == nil else {
        throw .archive(path: path, entry: entry.name, expected: "each name once", found: "the name again")
      }
    }
  }

  /// Checks that no entry is compressed.
  func checkStored() throws(CheckpointError) {
    guard let compressed else { return }
    throw .archive(
      path: path, entry: compressed.name, expected: "stored data", found: "compression method \(compressed.method)")
  }

  /// Copies the data of an entry.
  ///
  /// - Parameters:
  ///   - name: The entry's full name.
  ///   - byteLimit: The maximum number of bytes.
  /// - Returns: nil if there is no such entry.
  /// - Throws: `CheckpointError.archive` if there are more bytes.
  func copyData(of name: String, byteLimit: Int) throws(CheckpointError) -> [UInt8]? {
    guard let range = ranges[name] else { return nil }
    guard range.count <= byteLimit else {
      throw .archive(path: path, entry: name, expected: "at most \(byteLimit) bytes", found: "\(range.count)")
    }
    return copyBytes(range)
  }

  // The local header repeats the name and has its own extra field, which PyTorch uses to align the data.
  private func dataRange(of entry: ArchiveDirectory.Entry, before limit: Int) throws(CheckpointError) -> Range<Int> {
    func failure(_ expected: String, _ found: String) -> CheckpointError {
      .archive(path: path, entry: entry.name, expected: expected, found: found)
    }
    let headByteCount = 30
    guard entry.headOffset <= limit - headByteCount else {
      throw failure("a local header that ends before byte \(limit)", "one at \(entry.headOffset)")
    }
    let nameStart = entry.headOffset + headByteCount
    let head = copyBytes(entry.headOffset..<nameStart)
    guard head.littleEndian(at: 0, count: 4) == 0x0403_4B50 else {
      throw failure("a local header at byte \(entry.headOffset)", "other bytes")
    }
    let nameByteCount = Int(head.littleEndian(at: 26, count: 2))
    let dataStart = nameStart + nameByteCount + Int(head.littleEndian(at: 28, count: 2))
    guard dataStart <= limit, entry.byteCount <= limit - dataStart else {
      throw failure("data that end before byte \(limit)", "\(entry.byteCount) bytes from \(dataStart)")
    }
    guard copyBytes(nameStart..<nameStart + nameByteCount).elementsEqual(entry.name.utf8) else {
      throw failure("the same name in the local header", "another")
    }
    return dataStart..<dataStart + entry.byteCount
  }
}
