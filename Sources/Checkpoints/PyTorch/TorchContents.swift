internal import Files

/// The pickle of a PyTorch file and the places of its storages, for every container.
struct TorchContents {
  /// The size limit of a pickle.
  static let pickleByteLimit = 100_000_000

  let path: String
  let graph: PickleGraph
  /// The byte range of each storage in the file, by its key.
  let ranges: [String: Range<Int>]
  /// What messages call a storage, and what precedes its key there.
  let storageName: (kind: String, prefix: String)

  /// Reads a zip archive of PyTorch 1.6 and later.
  ///
  /// - Parameters:
  ///   - path: The path to name in errors.
  ///   - fileByteCount: The length of the whole file.
  ///   - copyBytes: Reads a range within the file.
  /// - Throws: `CheckpointError.archive`, `.pickle`, or `.file` for an archive of another kind.
  init(
    archive path: String, fileByteCount: Int, copyBytes: @escaping (Range<Int>) -> [UInt8]
  ) throws(CheckpointError) {
    let archive = try StoredArchive(path: path, fileByteCount: fileByteCount, copyBytes: copyBytes)
    let folder = try Self.folder(of: archive, path: path)
    try archive.checkStored()
    let order = try archive.copyData(of: folder + "/byteorder", byteLimit: 64) ?? Array("little".utf8)
    guard order == Array("little".utf8) else {
      throw .archive(
        path: path, entry: folder + "/byteorder", expected: "'little'",
        found: quoted(String(decoding: order, as: UTF8.self)))
    }
    let (entry, limit) = (folder + "/data.pkl", Self.pickleByteLimit)
    guard let pickle = archive.ranges[entry] else {
      preconditionFailure("\(path): no data.pkl in '\(folder)', which was found by it")
    }
    guard pickle.count <= limit else {
      throw .archive(path: path, entry: entry, expected: "at most \(limit) bytes", found: "\(pickle.count)")
    }
    var source = PickleSource(path: path, range: pickle, copyBytes: copyBytes)
    graph = try PickleReader.read(&source)
    let prefix = folder + "/data/"
    var ranges: [String: Range<Int>] = [:]
    for (name, range) in archive.ranges where name.hasPrefix(prefix) {
      ranges[String(name.dropFirst(prefix.count))] = range
    }
    self.ranges = ranges
    self.path = path
    storageName = ("an entry", prefix)
  }

  /// What messages call a storage.
  func described(_ key: String) -> String { "\(storageName.kind) \(quoted(storageName.prefix + key))" }

  // The single folder at the top of the archive.
  private static func folder(of archive: StoredArchive, path: String) throws(CheckpointError) -> String {
    let suffix = "/data.pkl"
    let candidates = archive.ranges.keys.filter { $0.hasSuffix(suffix) && $0.utf8.count { $0 == 0x2F } == 1 }
    guard let found = candidates.first else {
      throw .file(.unexpectedKind(path: path, expected: .weights, found: .foreignArchive))
    }
    guard candidates.count == 1 else {
      throw .archive(path: path, entry: nil, expected: "one entry <name>/data.pkl", found: "\(candidates.count)")
    }
    let folder = String(found.dropLast(suffix.count))
    let isProgram = archive.ranges.keys.contains { $0 == folder + "/constants.pkl" || $0.hasPrefix(folder + "/code/") }
    guard !isProgram else { throw .file(.unexpectedKind(path: path, expected: .weights, found: .torchScript)) }
    return folder
  }
}
