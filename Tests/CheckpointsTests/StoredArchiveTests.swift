import Checkpoints
import Files
import Testing

@Suite struct StoredArchiveTests {
  private typealias P = HandMadePickle

  private static let good = HandMadeArchive(
    pickle: P.file(P.dictionary([("t", P.tensor("ByteStorage", count: 4, shape: [4], strides: [1]))])),
    storages: [[1, 2, 3, 4]])

  private func expect(
    _ archive: HandMadeArchive, _ entry: String?, _ expected: String, _ found: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let fixture = try TorchFixture(archive)
    #expect(throws: fixture.archiveError(entry, expected, found), sourceLocation: sourceLocation) {
      try fixture.open()
    }
  }

  @Test("W9, W11: both forms of the directory, with a comment, and data after local headers of any length")
  func findsData() throws {
    for hasWideRecord in [false, true] {
      for comment in ["", "PK\u{5}\u{6} in a comment", String(repeating: "c", count: 65_535)] {
        var archive = Self.good
        archive.hasWideRecord = hasWideRecord
        archive.comment = Array(comment.utf8)
        #expect(try TorchFixture(archive).bytes(of: "t") == [1, 2, 3, 4])
      }
    }
  }

  @Test("W9: a directory that is cut off, absurd or elsewhere")
  func refusesWrongDirectories() throws {
    let size = Self.good.bytes.count
    var archive = Self.good
    archive.claimedEntryCount = 3
    let directory = archive.entries.reduce(0) { $0 + 46 + $1.name.utf8.count }
    let start = size - 22 - directory
    let end = directory - 46 - "archive/version".utf8.count
    try expect(archive, nil, "a directory of \(end) bytes", "\(directory)")
    archive.claimedEntryCount = 5
    try expect(archive, nil, "a directory entry at byte \(size - 22)", "none")
    archive.claimedEntryCount = 60_000
    try expect(archive, nil, "at most 5 entries", "60000")
    archive = Self.good
    archive.claimedDirectoryOffset = start + 1
    try expect(archive, nil, "a directory before byte \(size - 22)", "\(directory) bytes from \(start + 1)")
    archive.claimedDirectoryOffset = start - 1
    try expect(archive, nil, "a directory entry at byte \(start - 1)", "none")
    archive = Self.good
    archive.disk = 1
    try expect(archive, nil, "an archive in one file", "a part of one")
    archive = Self.good
    archive.hasWideRecord = true
    archive.claimedDirectoryOffset = -1
    let wideEnd = archive.bytes.count - 22 - 20 - 56
    let wideSize = directory + 4 * 28
    try expect(archive, nil, "a directory before byte \(wideEnd)", "\(wideSize) bytes from \(UInt64.max)")
    archive.claimedDirectoryByteCount = -1
    try expect(archive, nil, "a directory of at most 100000000 bytes", "\(UInt64.max)")

    let cut = try TorchFixture(bytes: Array(Self.good.bytes.dropLast()))
    #expect(throws: cut.archiveError(nil, "a zip archive's directory at the end", "none")) { try cut.open() }
  }

  @Test("W10: compressed, encrypted and ambiguous entries")
  func refusesWhatIsNotStored() throws {
    let name = "archive/data/0"
    var archive = Self.good
    archive[name].method = 8
    archive[name].claimedByteCount = 400
    archive[name].claimedStoredByteCount = 4
    try expect(archive, name, "stored data", "compression method 8")
    archive = Self.good
    archive[name].flags = 1
    try expect(archive, name, "data in the clear", "encrypted")
    archive = Self.good
    archive.add(name, [])
    try expect(archive, name, "each name once", "the name again")
    archive = Self.good
    archive[name].claimedStoredByteCount = 3
    try expect(archive, name, "4 stored bytes", "3")
    archive = Self.good
    archive.add(String(repeating: "n", count: 1025), [])
    try expect(archive, nil, "names of at most 1024 bytes of UTF-8", "another")
  }

  @Test("W11: entries that overlap, lie outside, or have another name at their data")
  func refusesMisplacedEntries() throws {
    let name = "archive/data/0"
    let head = Self.good.entries.prefix(2).reduce(0) {
      $0 + 30 + $1.name.utf8.count + $1.extra.count + $1.data.count + 16
    }
    let data = head + 30 + name.utf8.count + Self.good[name].extra.count
    let next = data + 4 + 16
    var archive = Self.good
    archive[name].claimedByteCount = 21
    try expect(archive, name, "data that end before byte \(next)", "21 bytes from \(data)")
    archive[name].claimedByteCount = 0xFFFF_FFFE
    try expect(archive, name, "data that end before byte \(next)", "4294967294 bytes from \(data)")
    archive.hasWideRecord = true
    archive[name].claimedByteCount = .max
    try expect(archive, name, "data that end before byte \(next)", "\(Int.max) bytes from \(data)")
    archive[name].claimedByteCount = -1
    try expect(archive, name, "data in this file", "\(UInt64.max) bytes from \(head)")
    archive = Self.good
    archive[name].headName = "archive/data/1"
    try expect(archive, name, "the same name in the local header", "another")
    archive = Self.good
    archive[name].claimedHeadOffset = head + 1
    try expect(archive, name, "a local header at byte \(head + 1)", "other bytes")
    // Two names for one place: the first of them has no room.
    archive = Self.good
    archive["archive/version"].claimedHeadOffset = head
    let found = try TorchFixture(archive)
    #expect(throws: CheckpointError.self) { try found.open() }
  }

  @Test("W12: the folder has any name, but there is one")
  func findsTheFolder() throws {
    var archive = Self.good
    for index in archive.entries.indices { archive.entries[index].name.replace("archive/", with: "Über uns/") }
    #expect(try TorchFixture(archive).bytes(of: "t") == [1, 2, 3, 4])
    archive = Self.good
    archive.add("other/data.pkl", [])
    try expect(archive, nil, "one entry <name>/data.pkl", "2")
    archive.entries.removeAll { $0.name.hasSuffix("data.pkl") }
    archive.add("a/b/data.pkl", [])
    try expectForeign(archive)
    archive.entries = []
    try expectForeign(archive)
  }

  /// An archive without weights of PyTorch is named as that: nothing is wrong with it.
  private func expectForeign(_ archive: HandMadeArchive) throws {
    let fixture = try TorchFixture(archive)
    let error = FileError.unexpectedKind(path: fixture.path, expected: .weights, found: .foreignArchive)
    #expect(throws: CheckpointError.file(error)) { try fixture.open() }
  }

  @Test("W13: the byte order")
  func refusesBigEndian() throws {
    var archive = Self.good
    archive["archive/byteorder"].data = Array("big".utf8)
    try expect(archive, "archive/byteorder", "'little'", "'big'")
    archive.entries.removeAll { $0.name == "archive/byteorder" }
    #expect(try TorchFixture(archive).bytes(of: "t") == [1, 2, 3, 4])
  }

  @Test("W8: TorchScript, whose code is compressed", arguments: ["archive/constants.pkl", "archive/code/m.py"])
  func refusesTorchScript(name: String) throws {
    var archive = Self.good
    archive.add(name, [1])
    archive[name].method = 8
    let fixture = try TorchFixture(archive)
    #expect(throws: CheckpointError.file(.unexpectedKind(path: fixture.path, expected: .weights, found: .torchScript)))
    { try fixture.open() }
  }
}
