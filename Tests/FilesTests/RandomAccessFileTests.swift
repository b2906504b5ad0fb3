import Files
import Foundation
import TestSupport
import Testing

@Suite struct RandomAccessFileTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test func lendsAnyRange() throws {
    let bytes = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    let file = try RandomAccessFile(path: folder.add("a", bytes))
    #expect(file.byteCount == 300_000)
    #expect(try file.copyBytes(0..<300_000) == bytes)
    #expect(try file.withSpan(4_090..<4_100) { $0[3] } == bytes[4_093])
    #expect(try file.copyBytes(300_000..<300_000) == [])
  }

  @Test func aFileThatBecomesShorterIsAnError() throws {
    let path = try folder.add("a", [UInt8](repeating: 1, count: 10_000))
    let file = try RandomAccessFile(path: path)
    try #require(unsafe truncate(path, 5_000) == 0)
    #expect(try file.copyBytes(0..<5_000).count == 5_000)
    let expected = FileError.cannotRead(path: path, reason: "the file became shorter while it was in use")
    #expect(throws: expected) { try file.copyBytes(4_999..<5_001) }
    #expect(throws: expected) { try file.copyBytes(9_000..<9_001) }
  }

  @Test func keepsItsBytesWhenTheFileIsReplaced() throws {
    let path = try folder.add("a", [1, 2, 3])
    let file = try RandomAccessFile(path: path)
    let replacement = try AtomicFile(replacing: path)
    try replacement.write([9])
    try replacement.commit()
    #expect(try file.copyBytes(0..<3) == [1, 2, 3])
  }

  @Test func refusesWhatIsNoFile() throws {
    let path = folder.path + "/none"
    #expect(throws: FileError.missing(path: path)) { try RandomAccessFile(path: path) }
    #expect(throws: FileError.notAFile(path: folder.path)) { try RandomAccessFile(path: folder.path) }
  }
}
