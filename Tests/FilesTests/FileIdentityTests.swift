import Files
import Foundation
import TestSupport
import Testing

@Suite struct FileIdentityTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func path(_ name: String) -> String { folder.path + "/" + name }

  private func link(_ name: String, to target: String) throws {
    try FileManager.default.createSymbolicLink(atPath: path(name), withDestinationPath: target)
  }

  @Test func oneFileHasOneIdentityWhateverItIsCalled() throws {
    let file = FileIdentity(path: try folder.add("a", [1]))
    try FileManager.default.createDirectory(atPath: path("folder"), withIntermediateDirectories: false)
    try link("link", to: "a")
    try link("chain", to: "link")
    try FileManager.default.linkItem(atPath: path("a"), toPath: path("hard"))
    #expect(file != nil)
    for name in ["./a", "folder/../a", "/a", "link", "chain", "hard"] {
      #expect(FileIdentity(path: path(name)) == file, "\(name)")
    }
    _ = try folder.add("b", [1])
    #expect(FileIdentity(path: path("b")) != file)
    #expect(FileIdentity(path: path("folder")) != file)
  }

  @Test func aFileThatIsNotThereYetHasOneToo() throws {
    try FileManager.default.createDirectory(atPath: path("folder"), withIntermediateDirectories: false)
    try link("dangling", to: "new")
    try link("folder/dangling", to: "../dangling")
    let file = FileIdentity(path: path("new"))
    #expect(file != nil)
    for name in ["./new", "folder/../new", "dangling", "folder/dangling"] {
      #expect(FileIdentity(path: path(name)) == file, "\(name)")
    }
    for name in ["other", "folder/new", "folder"] { #expect(FileIdentity(path: path(name)) != file, "\(name)") }
  }

  @Test func whatHoldsNothingHasNone() throws {
    try #require(unsafe mkfifo(path("pipe"), 0o600) == 0)
    try link("self", to: "self")
    for path in ["/dev/null", path("pipe"), path("none/new"), "", "/dev/null\0.txt"] {
      #expect(FileIdentity(path: path) == nil, "\(path)")
    }
  }

  @Test func aLinkToNothingIsFollowedWhenItIsWritten() throws {
    try link("dangling", to: "new")
    let file = try AtomicFile(replacing: path("dangling"))
    try file.write([1, 2])
    try file.commit()
    #expect(try folder.contents(of: "new") == [1, 2])
    #expect(try FileManager.default.destinationOfSymbolicLink(atPath: path("dangling")) == "new")
  }

  @Test func pipesAreReadWholeAndMapped() throws {
    let name = path("pipe")
    try #require(unsafe mkfifo(name, 0o600) == 0)
    let bytes = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    Thread.detachNewThread { try? writeQuickly(bytes, to: name) }
    let file = try MappedFile(reading: name)
    #expect(file.path == name)
    #expect(file.copyBytes(0..<file.byteCount) == bytes)
    // A regular file is what it is elsewhere.
    #expect(try MappedFile(reading: folder.add("a", [1, 2])).copyBytes(0..<2) == [1, 2])
    #expect(throws: FileError.notAFile(path: folder.path)) { try MappedFile(reading: folder.path) }
    #expect(throws: FileError.isStream(path: "standard input")) { try MappedFile(path: "-") }
  }
}
