import Files
import Foundation
import TestSupport
import Testing

@Suite struct MappedFileTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test func lendsTheBytesOfTheFile() throws {
    let bytes = (0..<10_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    let file = try MappedFile(path: folder.add("a", bytes))
    #expect(file.byteCount == 10_000)
    #expect(file.withBytes { Array(copying: $0) } == bytes)
    #expect(file.withBytes(4_090..<4_100) { Array(copying: $0) } == Array(bytes[4_090..<4_100]))
    #expect(file.copyBytes(9_999..<10_000) == [bytes[9_999]])
    #expect(file.copyBytes(10_000..<10_000) == [])
  }

  /// The bytes of a file that count as this process's memory: `Rss` of its mapping in /proc/self/smaps.
  private func residentByteCount(_ path: String) throws -> Int {
    // Foundation reads no more than the first 4 KiB of a file whose size is given as 0.
    let text = String(decoding: try readAll(path: "/proc/self/smaps", byteLimit: 1 << 28), as: UTF8.self)
    let lines = text.split(separator: "\n")
    // The kernel names the folder as it is, without links on the way.
    let ending = "/" + path.split(separator: "/").suffix(2).joined(separator: "/")
    let place = try #require(lines.firstIndex { $0.hasSuffix(ending) })
    let line = try #require(lines[place...].first { $0.hasPrefix("Rss:") })
    return 1024 * (try #require(Int(line.split(separator: " ")[1])))
  }

  @Test func givesBackWhatIsReadOnce() throws {
    let bytes = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 11) }
    let path = try folder.add("a", bytes)
    let file = try MappedFile(path: path)
    let whole = 0..<bytes.count
    #expect(file.withBytes(whole) { Array(copying: $0) } == bytes)
    #expect(try residentByteCount(path) > 2_900_000)
    #expect(file.withBytesOnce(whole) { Array(copying: $0) } == bytes)
    let resident = try residentByteCount(path)
    #expect(resident < 400_000, "\(resident)")
    // Ranges that begin and end within a page: the pages at both ends may belong to others. For a page that is touched,
    // the kernel may map up to 2 MiB around it.
    for range in [5_000..<2_990_000, 5_000..<5_001, 4_096..<4_096] {
      #expect(file.withBytesOnce(range) { Array(copying: $0) } == Array(bytes[range]))
    }
    #expect(file.withBytes(whole) { Array(copying: $0) } == bytes)
  }

  @Test func mapsAnEmptyFile() throws {
    let file = try MappedFile(path: folder.add("empty", []))
    #expect(file.byteCount == 0)
    #expect(file.withBytes { $0.byteCount } == 0)
  }

  @Test func followsALink() throws {
    try FileManager.default.createSymbolicLink(atPath: folder.path + "/link", withDestinationPath: "a")
    _ = try folder.add("a", [1, 2])
    #expect(try MappedFile(path: folder.path + "/link").copyBytes(0..<2) == [1, 2])
  }

  @Test func keepsItsBytesWhenTheFileIsReplaced() throws {
    let path = try folder.add("a", [1, 2, 3])
    let file = try MappedFile(path: path)
    let replacement = try AtomicFile(replacing: path)
    try replacement.write([9])
    try replacement.commit()
    #expect(file.copyBytes(0..<3) == [1, 2, 3])
    #expect(try MappedFile(path: path).copyBytes(0..<1) == [9])
  }

  @Test func refusesWhatIsNotThere() {
    let path = folder.path + "/none"
    #expect(throws: FileError.missing(path: path)) { try MappedFile(path: path) }
    #expect(throws: FileError.missing(path: "/dev/null\0.txt")) { try MappedFile(path: "/dev/null\0.txt") }
  }

  @Test func refusesFoldersDevicesAndPipes() throws {
    let pipe = folder.path + "/pipe"
    try #require(unsafe mkfifo(pipe, 0o600) == 0)
    for path in [folder.path, "/dev/zero"] {
      #expect(throws: FileError.notAFile(path: path)) { try MappedFile(path: path) }
    }
    #expect(throws: FileError.isStream(path: pipe)) { try MappedFile(path: pipe) }
  }

  @Test func givesTheReasonOfTheSystem() throws {
    let path = try folder.add("a", []) + "/b"
    #expect(throws: FileError.cannotRead(path: path, reason: "Not a directory")) { try MappedFile(path: path) }
  }
}
