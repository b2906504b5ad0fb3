package import Foundation

/// An empty folder of its own for one test, removed afterwards with all it holds.
package final class TemporaryFolder {
  /// The absolute path, without a slash at its end.
  package let path: String

  package init() throws {
    path = FileManager.default.temporaryDirectory.path + "/retnet-test-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Writes a file by other means than those under test, and returns its path.
  package func add(_ name: String, _ bytes: [UInt8]) throws -> String {
    // In release builds the folder could otherwise be gone before the file is written.
    try withExtendedLifetime(self) {
      let path = self.path + "/" + name
      try writeQuickly(bytes, to: path)
      return path
    }
  }

  /// Writes a file instead of the one of that name, and returns its path. Some file systems wait for the disk if an
  /// existing file is written over.
  package func replace(_ name: String, _ bytes: [UInt8]) throws -> String {
    try withExtendedLifetime(self) {
      unsafe unlink(path + "/" + name)
      return try add(name, bytes)
    }
  }

  /// The bytes of a file in the folder.
  package func contents(of name: String) throws -> [UInt8] {
    try withExtendedLifetime(self) { Array(try Data(contentsOf: URL(filePath: path + "/" + name))) }
  }

  /// The names of what is in the folder, sorted.
  package var names: [String] {
    get throws { try FileManager.default.contentsOfDirectory(atPath: path).sorted() }
  }
}

/// Writes a file, but does not wait for the disk, as `Data.write` does: most of the time of a small test would be that.
package func writeQuickly(_ bytes: some DataProtocol, to path: String) throws {
  guard let file = unsafe fopen(path, "wb") else { throw CocoaError(.fileWriteUnknown) }
  let bytes = Array(bytes)
  let written = unsafe fwrite(bytes, 1, bytes.count, file)
  guard unsafe fclose(file) == 0, written == bytes.count else { throw CocoaError(.fileWriteUnknown) }
}
