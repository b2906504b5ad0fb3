import Files
import Foundation
import Testing

@Suite struct StandardStreamTests {
  @Test func distinguishesAClosedPipe() throws {
    StandardStream.reportFailedWrites()
    let pipe = Pipe()
    try pipe.fileHandleForReading.close()
    #expect(throws: FileError.closedPipe(name: "standard output")) {
      try writeAll([1], to: pipe.fileHandleForWriting.fileDescriptor, name: "standard output")
    }
  }

  @Test func reportsAFullDevice() throws {
    let device = try #require(FileHandle(forWritingAtPath: "/dev/full"))
    #expect(throws: FileError.cannotWrite(path: "standard output", reason: "No space left on device")) {
      try writeAll([1], to: device.fileDescriptor, name: "standard output")
    }
  }

  @Test func waitsForAPipeThatDoesNotBlock() throws {
    let pipe = Pipe()
    let descriptor = pipe.fileHandleForWriting.fileDescriptor
    #expect(fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0)
    let bytes = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 13) }
    let reader = Thread { try? writeAll(bytes, to: descriptor, name: "pipe") }
    reader.start()
    var found = Data()
    while found.count < bytes.count, let piece = try pipe.fileHandleForReading.read(upToCount: 50_000) {
      found += piece
    }
    #expect(Array(found) == bytes)
  }
}
