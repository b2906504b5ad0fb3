import Checkpoints
import Files
import TestSupport

/// A PyTorch file on a disk, opened as weights.
struct TorchFixture {
  let folder: TemporaryFolder
  let path: String

  init(_ archive: HandMadeArchive) throws { try self.init(bytes: archive.bytes) }

  /// A file with this value in its pickle.
  init(root: [UInt8], storages: [[UInt8]] = []) throws {
    try self.init(HandMadeArchive(pickle: HandMadePickle.file(root), storages: storages))
  }

  /// A file with one tensor `t`.
  init(tensor: [UInt8], storages: [[UInt8]]) throws {
    try self.init(root: HandMadePickle.dictionary([("t", tensor)]), storages: storages)
  }

  init(bytes: [UInt8]) throws {
    folder = try TemporaryFolder()
    path = try folder.add("m.pt", bytes)
  }

  // The folder must outlive the opening, of which the compiler knows nothing.
  func open() throws(CheckpointError) -> WeightsFile {
    try withExtendedLifetime(folder) { () throws(CheckpointError) in try WeightsFile(path: path) }
  }

  func bytes(of name: String) throws -> [UInt8] { try open().withBytes(of: name) { Array(copying: $0) } }

  /// The error of the archive as a whole or of one entry of it.
  func archiveError(_ entry: String?, _ expected: String, _ found: String) -> CheckpointError {
    .archive(path: path, entry: entry, expected: expected, found: found)
  }

  /// The error of the tensor `t`.
  func tensorError(_ expected: String, _ found: String) -> CheckpointError {
    .tensor(path: path, name: "t", expected: expected, found: found)
  }

  func pickleError(_ byte: Int, _ expected: String, _ found: String) -> CheckpointError {
    .pickle(path: path, byte: byte, expected: expected, found: found)
  }
}
