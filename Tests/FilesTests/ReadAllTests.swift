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
