package import Files

/// Writes a zip archive of stored entries as a stream, as PyTorch lays it out.
///
/// The data of each entry begin at a multiple of 64 bytes, by an extra field "FB" in its local header. The checksum
/// follows the data in a data descriptor, as in PyTorch's own files, so that data are produced only once and a pipe can
/// be written. The 64-bit form is used only for what needs it. Source: PKWARE APPNOTE 6.3.10; torch/serialization.py.
package struct ArchiveWriter {
  /// Sizes and positions from this number on need 64 bits.
  package static let wideFrom = Int(UInt32.max)

  private struct Entry {
    let name: [UInt8]
    let headOffset: Int
    let byteCount: Int
    let isWide: Bool
    var checksum: UInt32 = 0
  }

  private let file: AtomicFile
  private let wideFrom: Int
  private var position = 0
  private var entries: [Entry] = []
  // Of the entry that was begun.
  private var checksum = CRC32Checksum()
  private var dataStart = 0

  /// Starts an archive.
  ///
  /// - Parameters:
  ///   - file: Receives the archive; it is not committed.
  ///   - wideFrom: The first size or position that is written with 64 bits, at most `Self.wideFrom`.
  package init(_ file: AtomicFile, wideFrom: Int) {
    self.file = file
    self.wideFrom = wideFrom
  }

  /// Begins an entry.
  ///
  /// - Parameters:
  ///   - name: Of ASCII letters, at most 1,024 bytes.
  ///   - byteCount: The length of its data.
  /// - Throws: `FileError`.
  package mutating func begin(_ name: String, byteCount: Int) throws(FileError) {
    let isWide = byteCount >= wideFrom || position >= wideFrom
    let entry = Entry(name: Array(name.utf8), headOffset: position, byteCount: byteCount, isWide: isWide)
    try write(Self.head(of: entry))
    entries.append(entry)
    (checksum, dataStart) = (CRC32Checksum(), position)
  }

  /// Appends a piece of the data of the entry that was begun.
  package mutating func append(_ piece: RawSpan) throws(FileError) {
    checksum.update(piece)
    try file.write(piece)
    position += piece.byteCount
  }

  /// Ends the entry that was begun.
  ///
  /// - Throws: `FileError`.
  /// - Precondition: It was given as many bytes as `begin` stated.
  package mutating func end() throws(FileError) {
    let last = entries.count - 1
    let (byteCount, width) = (entries[last].byteCount, entries[last].isWide ? 8 : 4)
    precondition(position - dataStart == byteCount, "\(file.path): an entry of other than \(byteCount) bytes")
    let value = checksum.value
    entries[last].checksum = value
    try write(Self.descriptorSign + little(Int(value), 4) + little(byteCount, width) + little(byteCount, width))
  }

  /// Adds an entry with these data.
  package mutating func add(_ name: String, _ data: [UInt8]) throws(FileError) {
    try begin(name, byteCount: data.count)
    try data.withRawSpan { (bytes) throws(FileError) in try append(bytes) }
    try end()
  }

  /// Writes the directory.
  package mutating func finish() throws(FileError) {
    let start = position
    for entry in entries { try write(Self.directoryEntry(of: entry)) }
    let (end, byteCount, count) = (position, position - start, entries.count)
    let isWide = end >= wideFrom || count >= Int(UInt16.max)
    if isWide {
      try write(
        Self.wideEndSign + little(44, 8) + little(Self.wideVersion, 2) + little(Self.wideVersion, 2) + little(0, 8)
          + little(count, 8) + little(count, 8) + little(byteCount, 8) + little(start, 8))
      try write(Self.locatorSign + little(0, 4) + little(end, 8) + little(1, 4))
    }
    let shortCount = isWide ? little(-1, 2) : little(count, 2)
    let place = isWide ? little(-1, 8) : little(byteCount, 4) + little(start, 4)
    try write(Self.endSign + little(0, 4) + shortCount + shortCount + place + little(0, 2))
  }

  private mutating func write(_ bytes: [UInt8]) throws(FileError) {
    try file.write(bytes)
    position += bytes.count
  }
}

// MARK: - Records

extension ArchiveWriter {
  private static let headSign = Array("PK\u{3}\u{4}".utf8)
  private static let descriptorSign = Array("PK\u{7}\u{8}".utf8)
  private static let directorySign = Array("PK\u{1}\u{2}".utf8)
  private static let wideEndSign = Array("PK\u{6}\u{6}".utf8)
  private static let locatorSign = Array("PK\u{6}\u{7}".utf8)
  private static let endSign = Array("PK\u{5}\u{6}".utf8)
  // The version of the format that a reader needs, times ten.
  private static let (version, wideVersion) = (20, 45)
  private static let alignment = 64

  // What local header and directory have in common: version, "a descriptor follows the data", no compression, midnight
  // on January 1, 1980.
  private static func common(_ entry: Entry) -> [UInt8] {
    little(entry.isWide ? wideVersion : version, 2) + little(8, 2) + little(0, 2) + little(0, 2) + little(0x21, 2)
  }

  private static func head(of entry: Entry) -> [UInt8] {
    let size = little(entry.byteCount, 8)
    var extra = entry.isWide ? little(1, 2) + little(16, 2) + size + size : []
    let dataStart = entry.headOffset + 30 + entry.name.count + extra.count + 4
    let padding = (alignment - dataStart % alignment) % alignment
    extra += Array("FB".utf8) + little(padding, 2) + [UInt8](repeating: UInt8(ascii: "Z"), count: padding)
    let lengths = little(entry.name.count, 2) + little(extra.count, 2)
    return headSign + common(entry) + little(0, 4) + little(entry.isWide ? -1 : 0, 8) + lengths + entry.name + extra
  }

  private static func directoryEntry(of entry: Entry) -> [UInt8] {
    let (size, offset) = (entry.byteCount, entry.headOffset)
    let extra =
      entry.isWide ? little(1, 2) + little(24, 2) + little(size, 8) + little(size, 8) + little(offset, 8) : []
    let short = { (number: Int) in little(entry.isWide ? -1 : number, 4) }
    return directorySign + little(wideVersion, 2) + common(entry) + little(Int(entry.checksum), 4) + short(size)
      + short(size) + little(entry.name.count, 2) + little(extra.count, 2) + little(0, 10) + short(offset) + entry.name
      + extra
  }
}
