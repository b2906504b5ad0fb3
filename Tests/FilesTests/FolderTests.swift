import Files
import TestSupport
import Testing

@Suite struct FolderTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test func namesAreSortedAndHiddenOnesAmongThem() throws {
    for name in ["b", "a", ".c", "ñ"] { _ = try folder.add(name, []) }
    #expect(try namesInFolder(path: folder.path) == [".c", "a", "b", "ñ"])
    #expect(try namesInFolder(path: folder.path + "/none") == [])
    #expect(try namesInFolder(path: folder.path + "/a") == [])
  }

  @Test func removedFilesAreGoneAndMissingOnesNoError() throws {
    let path = try folder.add("a", [1])
    try removeFile(path: path)
    try removeFile(path: path)
    #expect(try folder.names == [])
  }

  @Test func onlyTemporaryFilesAreLeftovers() throws {
    for name in [".retnet-1f.partial", ".retnet-1f", "a.partial", ".lock"] { _ = try folder.add(name, [1]) }
    try AtomicFile.removeLeftovers(inFolder: folder.path)
    #expect(try folder.names == [".lock", ".retnet-1f", "a.partial"])
  }

  @Test func aLockIsHeldUntilItGoesAway() throws {
    var lock: FolderLock? = try FolderLock(folder: folder.path)
    let error = #expect(throws: FileError.self) { try FolderLock(folder: folder.path) }
    guard case .inUse(let path, let process) = try #require(error) else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(path == folder.path && process != nil)
    #expect(lock != nil)
    lock = nil
    _ = try FolderLock(folder: folder.path)
    #expect(throws: FileError.self) { try FolderLock(folder: folder.path + "/none") }
  }
}
