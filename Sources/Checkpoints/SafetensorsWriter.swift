internal import Files

/// Writes safetensors files as a stream, with at most one piece of one tensor in memory.
package enum SafetensorsWriter {
  /// Writes a file that appears at its path complete, or not at all.
  ///
  /// Tensors are ordered by element width, widest first, then by name, so that each is aligned to its elements. The
  /// same input gives the same bytes.
  ///
  /// - Parameters:
  ///   - path: Where the file will appear; its folder must exist.
  ///   - tensors: All tensors, in any order. A name may not be `__metadata__`, occur twice or exceed 1,024 bytes.
  ///   - metadata: Text entries. The same rules hold for their names.
  ///   - bytes: Called once for each tensor, in the order of the file. It passes the tensor's data, little-endian and
  ///     row-major, in one or more pieces to the closure that it receives.
  /// - Throws: `CheckpointError.tensor`, `.header` or `.file`, and what `bytes` throws; an old file at the path then
  ///   stays unchanged.
  package static func write(
    to path: String,
    tensors: [TensorDescription],
    metadata: [String: String],
    bytes: (TensorDescription, (RawSpan) throws -> Void) throws -> Void
  ) throws {
    let tensors = arranged(tensors)
    try TensorDescription.checkLengths(metadata.keys.sorted(), path: path)
    try TensorDescription.checkNames(tensors.map(\.name), reserved: SafetensorsHeader.metadataName, path: path)
    guard let header = SafetensorsHeader.bytes(tensors: tensors, metadata: metadata) else {
      let expected = "at most \(SafetensorsHeader.textByteLimit) bytes"
      throw CheckpointError.header(path: path, byte: 0, expected: expected, found: "more")
    }
    do {
      let file = try AtomicFile(replacing: path)
      try file.write(header)
      for tensor in tensors {
        var count = TensorByteCount(of: tensor, path: path)
        try bytes(tensor) { piece in
          try count.add(piece)
          try file.write(piece)
        }
        try count.finish()
      }
      try file.commit()
    } catch let error as FileError {
      throw CheckpointError.file(error)
    }
  }

  private static func arranged(_ tensors: [TensorDescription]) -> [TensorDescription] {
    tensors.sorted { left, right in
      if left.dataType.bitCount != right.dataType.bitCount { return left.dataType.bitCount > right.dataType.bitCount }
      return left.name.utf8.lexicographicallyPrecedes(right.name.utf8)
    }
  }
}
