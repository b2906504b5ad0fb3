extension TorchContents {
  /// The version number that PyTorch writes after the magic number.
  private static let legacyProtocol = 1001

  /// Reads a file as PyTorch wrote it before 1.6: five pickles, one after another, then the storages.
  ///
  /// The pickles are a magic number, a protocol number, facts about the system, the object itself, and the keys of the
  /// storages. Each storage is a number of elements (I64) and the elements. Source: torch/serialization.py,
  /// `_legacy_save` and `_legacy_load`.
  ///
  /// - Parameters:
  ///   - path: The path to name in errors.
  ///   - fileByteCount: The length of the whole file, which begins with the magic number.
  ///   - copyBytes: Reads a range within the file.
  /// - Throws: `CheckpointError.pickle` or `.fileSize`.
  init(
    legacy path: String, fileByteCount: Int, copyBytes: @escaping (Range<Int>) -> [UInt8]
  ) throws(CheckpointError) {
    let range = 0..<min(fileByteCount, Self.pickleByteLimit)
    var source = PickleSource(path: path, range: range, copyBytes: copyBytes)
    _ = try PickleReader.read(&source)

    let version = try PickleReader.read(&source)
    guard version.integer(version.root) == Self.legacyProtocol else {
      throw source.failure("PyTorch's protocol \(Self.legacyProtocol)", version.summary(version.root))
    }
    let system = try PickleReader.read(&source)
    let isLittle = system.value("little_endian", of: system.root)
    guard let isLittle, case .boolean(true) = system.values[isLittle] else {
      throw source.failure("little_endian to be True", isLittle.map { system.summary($0) } ?? "none")
    }
    graph = try PickleReader.read(&source)
    let list = try PickleReader.read(&source)
    guard let ids = list.list(list.root) else {
      throw source.failure("a list of the storages' keys", list.summary(list.root))
    }

    let widths = graph.storageWidths
    var ranges: [String: Range<Int>] = [:]
    var end = source.position
    for id in ids {
      guard let key = list.name(id), let width = widths[key] else {
        throw source.failure("the key of a storage in use, of a known type", list.summary(id))
      }
      let start = end + 8
      guard start <= fileByteCount else { throw .fileSize(path: path, expected: start, found: fileByteCount) }
      let count = Int(truncatingIfNeeded: copyBytes(end..<start).littleEndian(at: 0, count: 8))
      let (byteCount, isTooLong) = count.multipliedReportingOverflow(by: width)
      guard count >= 0, !isTooLong, byteCount <= .max - start else {
        throw source.failure("storage \(quoted(key)) to have elements from 0, less than 2^63 bytes", "\(count)")
      }
      end = start + byteCount
      guard end <= fileByteCount else { throw .fileSize(path: path, expected: end, found: fileByteCount) }
      guard ranges.updateValue(start..<end, forKey: key) == nil else {
        throw source.failure("each storage once", quoted(key))
      }
    }
    self.ranges = ranges
    self.path = path
    storageName = ("a storage", "")
  }
}

extension PickleGraph {
  // For each storage, the bytes of an element. PyTorch writes a storage as the type that it first has.
  fileprivate var storageWidths: [String: Int] {
    var widths: [String: Int] = [:]
    for id in values.indices {
      guard let reference = storage(id), widths[reference.key] == nil else { continue }
      widths[reference.key] = StorageType.elementByteCount(of: reference.type)
    }
    return widths
  }
}
