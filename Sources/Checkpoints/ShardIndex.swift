internal import Files

/// The index of a sharded model, which tells the file of each tensor (`model.safetensors.index.json`).
struct ShardIndex {
  /// The size limit of an index.
  static let byteLimit = 100_000_000

  /// The file of each tensor, by the tensor's name.
  private(set) var shards: [String: String] = [:]

  /// Reads an index.
  ///
  /// - Parameters:
  ///   - text: JSON; only `weight_map` is read, everything else is skipped, including `total_size`.
  ///   - path: The path to name in errors.
  /// - Throws: `CheckpointError.index`.
  init(_ text: [UInt8], path: String) throws(CheckpointError) {
    var reader = HeaderReader(text, path: path, text: .index)
    var hasMap = false
    try reader.readObject("'{'") { (reader, key, position) throws(CheckpointError) in
      guard key == "weight_map" else { return try reader.skipValue() }
      guard !hasMap else { throw reader.duplicate(key, at: position) }
      hasMap = true
      try readMap(&reader)
    }
    try reader.readEnd()
    guard hasMap else { throw .file(.unexpectedKind(path: path, expected: .weights, found: .json)) }
  }

  private mutating func readMap(_ reader: inout HeaderReader) throws(CheckpointError) {
    try reader.readObject("an object of file names") { (reader, name, position) throws(CheckpointError) in
      let place = reader.position
      let shard = try reader.readString("a file name", byteLimit: 255)
      // A name that leads out of the folder would let an index read any file.
      let isPlain =
        !shard.isEmpty && shard != "." && !shard.contains("..") && !shard.utf8.contains { "/\\\0".utf8.contains($0) }
      guard isPlain else { throw reader.failure("a plain file name", at: place, found: quoted(shard)) }
      guard shards.updateValue(shard, forKey: name) == nil else { throw reader.duplicate(name, at: position) }
    }
  }
}
