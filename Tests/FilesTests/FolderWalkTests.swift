import Files
import Foundation
import TestSupport
import Testing

@Suite struct FolderWalkTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func makeFolder(_ name: String) throws {
    try FileManager.default.createDirectory(atPath: folder.path + "/" + name, withIntermediateDirectories: true)
  }

  private func link(_ name: String, to target: String) throws {
    try #require(unsafe symlink(target, folder.path + "/" + name) == 0)
  }

  private func files(matching pattern: String? = nil) throws -> [String] {
    try filesBelow(folder: folder.path, matching: pattern) { throw $0 }
      .map { String($0.dropFirst(folder.path.count + 1)) }
  }

  @Test func theOrderIsThatOfTheNames() throws {
    for name in ["b", "a.d", "A"] { try makeFolder(name) }
    for name in ["b/2.txt", "b/10.txt", "a.d/x.md", "A/z", "a.txt", "é.txt", "~.txt", ".hidden", "b/.git"] {
      _ = try folder.add(name, [0x61])
    }
    #expect(try files() == ["A/z", "a.d/x.md", "a.txt", "b/10.txt", "b/2.txt", "~.txt", "é.txt"])
    #expect(try files(matching: "*.txt") == ["a.txt", "b/10.txt", "b/2.txt", "~.txt", "é.txt"])
    #expect(try files(matching: "[0-9].*") == ["b/2.txt"])
    #expect(try files(matching: "none") == [])
    #expect(try filesBelow(folder: folder.path + "/b/") { throw $0 }.first == folder.path + "/b/10.txt")
  }

  @Test func linksInACircleEnd() throws {
    try makeFolder("a/b")
    _ = try folder.add("a/b/text", [0x61])
    try link("a/b/up", to: "..")
    try link("a/self", to: ".")
    try link("other", to: "a")
    try link("text", to: "a/b/text")
    #expect(try files() == ["a/b/text", "text"])
  }

  @Test func linksThatLeadNowhereAreFailures() throws {
    _ = try folder.add("text", [0x61])
    try link("dangling.txt", to: "none")
    try link("itself.txt", to: "itself.txt")
    var failures: [FileError] = []
    let found = try filesBelow(folder: folder.path) { failures.append($0) }
    #expect(found == [folder.path + "/text"])
    let reason = "Too many levels of symbolic links"
    #expect(
      failures == [
        .missing(path: folder.path + "/dangling.txt"), .cannotRead(path: folder.path + "/itself.txt", reason: reason),
      ])
    #expect(try files(matching: "te*") == ["text"])
  }

  @Test func whatIsNoFileIsLeftOut() throws {
    try #require(unsafe mkfifo(folder.path + "/pipe", 0o600) == 0)
    try makeFolder("empty")
    #expect(try files() == [])
  }
}
