import Files
import Foundation
import TestSupport
import Testing

@Suite struct AtomicFileTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test func appearsOnCommitOnly() throws {
    let file = try AtomicFile(replacing: folder.path + "/a")
    try file.write([1, 2, 3])
    #expect(try !folder.names.contains("a"))
    try file.commit()
    #expect(try folder.names == ["a"])
    #expect(try folder.contents(of: "a") == [1, 2, 3])
  }

  @Test func joinsPiecesOfEveryLength() throws {
    let lengths = [0, 1, 5, 262_143, 2, 262_144, 262_145, 1, 700_000, 3]
    let pieces = lengths.enumerated().map { [UInt8](repeating: UInt8($0.offset), count: $0.element) }
    let file = try AtomicFile(replacing: folder.path + "/a")
    for piece in pieces { try file.write(piece) }
    try file.commit()
    #expect(try folder.contents(of: "a") == pieces.flatMap { $0 })
  }

  @Test func leavesTheOldFileWithoutCommit() throws {
    let path = try folder.add("a", [7])
    try AtomicFile(replacing: path).write([1])
    let discarded = try AtomicFile(replacing: path)
    try discarded.write([1])
    discarded.discard()
    #expect(try folder.names == ["a"])
    #expect(try folder.contents(of: "a") == [7])
  }

  @Test func keepsThePermissionsOfTheOldFile() throws {
    let path = try folder.add("a", [7])
    try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: path)
    let file = try AtomicFile(replacing: path)
    try file.commit()
    #expect(try permissions(of: path) == 0o640)
  }

  @Test func givesANewFileNoMoreThanReadingToOthers() throws {
    let path = folder.path + "/a"
    try AtomicFile(replacing: path).commit()
    let mode = try permissions(of: path)
    #expect(mode & ~0o644 == 0 && mode & 0o400 != 0)
  }

  @Test func replacesWhatALinkLeadsTo() throws {
    _ = try folder.add("a", [7])
    let link = folder.path + "/link"
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "a")
    let file = try AtomicFile(replacing: link)
    try file.write([1, 2])
    try file.commit()
    #expect(try folder.contents(of: "a") == [1, 2])
    #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link) == "a")
  }

  @Test func refusesAMissingFolder() {
    let path = folder.path + "/none/a"
    let reason = "the folder '\(folder.path)/none' does not exist"
    #expect(throws: FileError.cannotCreate(path: path, reason: reason)) { try AtomicFile(replacing: path) }
  }

  @Test func refusesAFolderAtThePath() {
    let path = folder.path
    #expect(throws: FileError.cannotCreate(path: path, reason: "Is a directory")) { try AtomicFile(replacing: path) }
  }

  @Test func refusesPathsThatNameNothing() {
    for path in ["", "\(folder.path)/a\0b"] {
      let error = FileError.cannotCreate(path: path, reason: "No such file or directory")
      #expect(throws: error) { try AtomicFile(replacing: path) }
    }
  }

  @Test func reportsAFullDevice() throws {
    let file = try AtomicFile(replacing: "/dev/full")
    try file.write([1])
    let error = FileError.cannotWrite(path: "/dev/full", reason: "No space left on device")
    #expect(throws: error) { try file.commit() }
    let second = try AtomicFile(replacing: "/dev/full")
    #expect(throws: error) { try second.write([UInt8](repeating: 0, count: 1 << 20)) }
  }

  @Test func writesDevicesAndPipesInPlace() throws {
    let sink = try AtomicFile(replacing: "/dev/null")
    try sink.write([1])
    try sink.commit()
    let type = try FileManager.default.attributesOfItem(atPath: "/dev/null")[.type] as? FileAttributeType
    #expect(type == .typeCharacterSpecial)

    let pipe = Pipe()
    let file = try AtomicFile(replacing: "/dev/fd/\(pipe.fileHandleForWriting.fileDescriptor)")
    try file.write([1, 2, 3])
    try file.commit()
    try pipe.fileHandleForWriting.close()
    #expect(try pipe.fileHandleForReading.readToEnd() == Data([1, 2, 3]))
  }

  @Test func appendsToARedirection() throws {
    let path = try folder.add("log", [1, 2])
    let log = try #require(FileHandle(forWritingAtPath: path))
    let file = try AtomicFile(replacing: "/dev/fd/\(log.fileDescriptor)")
    try file.write([3])
    try file.commit()
    #expect(try folder.names == ["log"])
    #expect(try folder.contents(of: "log") == [1, 2, 3])
  }

  private func permissions(of path: String) throws -> Int {
    try #require(FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
  }
}
