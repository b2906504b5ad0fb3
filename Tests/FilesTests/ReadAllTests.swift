import Files
import Foundation
import TestSupport
import Testing

@Suite struct ReadAllTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test(arguments: [0, 1, 65_535, 65_536, 200_000])
  func readsExactlyTheFile(byteCount: Int) throws {
    let bytes = (0..<byteCount).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    let path = try folder.add("a", bytes)
    #expect(try readAll(path: path, byteLimit: byteCount) == bytes)
  }

  @Test func refusesMoreThanTheLimit() throws {
    let path = try folder.add("a", [1, 2, 3])
    #expect(throws: FileError.tooLarge(path: path, byteLimit: 2)) { try readAll(path: path, byteLimit: 2) }
    let endless = FileError.tooLarge(path: "/dev/zero", byteLimit: 100_000)
    #expect(throws: endless) { try readAll(path: "/dev/zero", byteLimit: 100_000) }
  }

  @Test func readsFilesWhoseSizeIsNotKnown() throws {
    #expect(try !readAll(path: "/proc/self/status", byteLimit: 1 << 20).isEmpty)
  }

  @Test func refusesFoldersAndWhatIsNotThere() {
    let path = folder.path
    #expect(throws: FileError.notAFile(path: path)) { try readAll(path: path, byteLimit: 10) }
    #expect(throws: FileError.missing(path: path + "/none")) { try readAll(path: path + "/none", byteLimit: 10) }
  }
}

@Suite struct BlockReaderTests {
  @Test func blocksAreTheFile() throws {
    let folder = try TemporaryFolder()
    let bytes = (0..<1_000).map { UInt8(truncatingIfNeeded: $0 * 7) }
    let path = try folder.add("file", bytes)
    for length in [1, 7, 1_000, 4_096] {
      let reader = try BlockReader(path: path, blockLength: length)
      var read: [UInt8] = []
      while let block = try reader.next() {
        #expect(block.count <= length)
        read += block
      }
      #expect(read == bytes)
      #expect(try reader.next() == nil)
    }
    #expect(try BlockReader(path: folder.add("empty", [])).next() == nil)
  }

  @Test func foldersAndMissingFilesAreRefused() throws {
    let folder = try TemporaryFolder()
    #expect(throws: FileError.notAFile(path: folder.path)) { try BlockReader(path: folder.path) }
    #expect(throws: FileError.missing(path: folder.path + "/none")) { try BlockReader(path: folder.path + "/none") }
  }
}
