internal import Files
internal import FoundationEssentials

/// A folder that appears at its path complete, or not at all.
struct ExportFolder {
  let path: String
  /// Where the files are written until then.
  let temporary: String

  /// Makes the temporary folder.
  ///
  /// - Parameter path: Does not exist, or is an empty folder.
  /// - Throws: `CommandError` if there is something, or the folder cannot be made.
  init(path: String) throws {
    var path = path
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    self.path = path
    let manager = FileManager.default
    if manager.fileExists(atPath: path) {
      guard let names = try? manager.contentsOfDirectory(atPath: path) else {
        throw CommandError(.usage, "--output: expected a folder for --to, found the file '\(path)'")
      }
      guard names.isEmpty else {
        throw CommandError(
          .cannotCreate, "\(path): expected a new or an empty folder, found one with \(names.count) files",
          hint: "choose another folder, or remove this one")
      }
    }
    temporary = "\(path).partial-\(String(UInt64.random(in: 0...UInt64.max), radix: 16))"
    do {
      try manager.createDirectory(atPath: temporary, withIntermediateDirectories: false)
    } catch {
      throw CommandError(
        .cannotCreate, "\(path): cannot make the folder", hint: "its parent must exist and be writable")
    }
  }

  /// Writes a file of a few kilobytes.
  func write(_ bytes: [UInt8], as name: String) throws {
    try AtomicFile.write(bytes, replacing: "\(temporary)/\(name)")
  }

  /// Gives the folder its name.
  func commit() throws {
    let manager = FileManager.default
    if manager.fileExists(atPath: path) { try manager.removeItem(atPath: path) }
    do {
      try manager.moveItem(atPath: temporary, toPath: path)
    } catch {
      discard()
      throw CommandError(.cannotCreate, "\(path): cannot make the folder", hint: "something else appeared there")
    }
  }

  /// Removes what was written.
  func discard() { try? FileManager.default.removeItem(atPath: temporary) }
}
