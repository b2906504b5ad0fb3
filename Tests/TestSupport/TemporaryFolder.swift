internal import Foundation

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
      try Data(bytes).write(to: URL(filePath: path))
      return path
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
