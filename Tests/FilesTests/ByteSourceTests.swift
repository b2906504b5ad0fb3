import Files
import Foundation
import TestSupport
import Testing

@Suite struct ByteSourceTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func read(_ path: String, blockLength: Int = 1 << 16) throws -> [UInt8] {
    let source = try ByteSource(path: path, blockLength: blockLength)
    var bytes: [UInt8] = []
    while let block = try source.next() {
      #expect(!block.isEmpty && block.count <= max(blockLength, 6))
      bytes += block
    }
    #expect(try source.next() == nil)
    #expect(source.position == source.byteCount)
    return bytes
  }

  private func read(_ bytes: [UInt8], blockLength: Int = 1 << 16) throws -> [UInt8] {
    try read(folder.replace("file", bytes), blockLength: blockLength)
  }

  /// Bytes that compress a little.
  private static func sample(_ count: Int) -> [UInt8] {
    var state: UInt32 = 7
    return (0..<count).map { _ in
      state = state &* 1_664_525 &+ 1_013_904_223
      return UInt8(truncatingIfNeeded: state >> 28 + 0x61)
    }
  }

  @Test(arguments: [0, 1, 5, 1_000, 65_536, 300_000])
  func plainFilesAreTheirBytes(_ count: Int) throws {
    let bytes = Self.sample(count)
    #expect(try read(bytes) == bytes)
    if count <= 1_000 { #expect(try read(bytes, blockLength: 1) == bytes) }
  }

  @Test(arguments: Compression.allCases, [0, 1, 1_000, 65_536, 300_000])
  func compressedFilesAreTheirContent(_ compression: Compression, _ count: Int) throws {
    let bytes = Self.sample(count)
    let stored = compression.compress(bytes)
    #expect(try read(stored) == bytes)
    for length in [1, 7, 4_096] where count <= 1_000 * length {
      #expect(try read(stored, blockLength: length) == bytes)
    }
  }

  @Test(arguments: Compression.allCases)
  func membersFollowEachOther(_ compression: Compression) throws {
    let parts = [Self.sample(10), [], Self.sample(70_000), Self.sample(1)]
    let stored = parts.flatMap { compression.compress($0) }
    for length in [1, 100, 1 << 16] { #expect(try read(stored, blockLength: length) == parts.flatMap { $0 }) }
  }

  @Test(arguments: Compression.allCases)
  func aLongRunOfZerosIsReadInBlocks(_ compression: Compression) throws {
    let source = try ByteSource(
      path: folder.add("zeros", compression.compress([UInt8](repeating: 0, count: 20_000_000))))
    var count = 0
    while let block = try source.next() {
      #expect(block.count <= 1 << 16)
      count += block.count
    }
    #expect(count == 20_000_000)
  }

  @Test(arguments: Compression.allCases)
  func whatIsCutNamesTheEnd(_ compression: Compression) throws {
    let stored = compression.compress(Self.sample(300))
    // Shorter beginnings are not known as compressed.
    for count in 6..<stored.count {
      let error = try #require(throws: FileError.self) { try read(Array(stored[..<count])) }
      guard case .damagedArchive(_, let kind, let offset, let reason) = error else {
        Issue.record("\(error)")
        continue
      }
      #expect(kind.rawValue.hasSuffix(compression.rawValue))
      #expect(offset == count && reason == "it ends too early")
    }
  }

  @Test(arguments: Compression.allCases)
  func whatFollowsTheEndIsNamed(_ compression: Compression) throws {
    let stored = compression.compress(Self.sample(300))
    let error = try #require(throws: FileError.self) { try read(stored + Array("garbage behind it".utf8)) }
    guard case .damagedArchive(_, _, let offset, _) = error else {
      Issue.record("\(error)")
      return
    }
    // liblzma reads as much as a header, 12 bytes.
    #expect((stored.count...stored.count + (compression == .xz ? 12 : 0)).contains(offset))
  }

  @Test(arguments: Compression.allCases)
  func noFlippedBitPassesUnseen(_ compression: Compression) throws {
    let bytes = Self.sample(300)
    let stored = compression.compress(bytes)
    for place in 6..<stored.count {
      var damaged = stored
      damaged[place] ^= 1 << UInt8(place % 8)
      do {
        // gzip's time and system are not checked, and change nothing.
        #expect(try read(damaged) == bytes)
      } catch let error as FileError {
        guard case .damagedArchive(_, _, let offset, _) = error else {
          Issue.record("\(error)")
          continue
        }
        #expect(offset <= stored.count)
      }
    }
  }

  @Test func theBeginningIsReadAgain() throws {
    let bytes = Self.sample(200_000)
    for stored in [bytes] + Compression.allCases.map({ $0.compress(bytes) }) {
      let source = try ByteSource(path: folder.replace("file", stored))
      #expect(try source.beginning() == Array(bytes[..<4_096]))
      #expect(try source.beginning(byteCount: 3) == Array(bytes[..<3]))
      #expect(try source.readAll(byteLimit: bytes.count) == bytes)
      let another = try ByteSource(path: folder.path + "/file")
      #expect(throws: FileError.tooLarge(path: folder.path + "/file", byteLimit: bytes.count - 1)) {
        try another.readAll(byteLimit: bytes.count - 1)
      }
      #expect(try MappedFile(ByteSource(path: folder.path + "/file")).copyBytes(0..<bytes.count) == bytes)
    }
  }

  @Test func whatIsInsideIsAKindToo() throws {
    var archive = [UInt8](repeating: 0, count: 512)
    archive.replaceSubrange(257..<262, with: "ustar".utf8)
    let path = try folder.add("a.tar.gz", Compression.gzip.compress(archive))
    #expect(throws: FileError.unexpectedKind(path: path, expected: .text, found: .tar)) {
      try FileRole.text.check(ByteSource(path: path), waits: true)
    }
    let twice = try folder.add("a.gz.xz", Compression.xz.compress(Compression.gzip.compress([0x61])))
    #expect(throws: FileError.unexpectedKind(path: twice, expected: .text, found: .gzip)) {
      try FileRole.text.check(ByteSource(path: twice), waits: true)
    }
  }

  @Test func aFileThatBecomesShorterIsAnError() throws {
    let path = try folder.add("file", Self.sample(300_000))
    let source = try ByteSource(path: path)
    _ = try source.next()
    try #require(unsafe truncate(path, 100_000) == 0)
    #expect(throws: FileError.cannotRead(path: path, reason: "the file became shorter while it was in use")) {
      while try source.next() != nil {}
    }
  }

  @Test func foldersAndMissingFilesAreRefused() throws {
    #expect(throws: FileError.notAFile(path: folder.path)) { try ByteSource(path: folder.path) }
    #expect(throws: FileError.missing(path: folder.path + "/none")) { try ByteSource(path: folder.path + "/none") }
  }
}
