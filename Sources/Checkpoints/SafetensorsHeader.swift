/// The parsed header of a safetensors file, checked against every rule of docs/CHECKPOINT.md §1.
package struct SafetensorsHeader: Sendable {
  /// The number of bytes before the JSON text: its length as an unsigned little-endian integer.
  static let prefixByteCount = 8
  /// The longest JSON text that readers of the format accept.
  static let textByteLimit = 100_000_000
  static let metadataName = "__metadata__"

  /// The tensors in the order of their data.
  package let tensors: [TensorDescription]
  /// The byte range of each tensor's data in the file, in the same order.
  package let ranges: [Range<Int>]
  /// The text entries.
  package let metadata: [String: String]
  /// The index in `tensors` of each name.
  package let indices: [String: Int]

  /// Reads and checks a header.
  ///
  /// - Parameters:
  ///   - path: The path to name in errors.
  ///   - fileByteCount: The length of the whole file.
  ///   - copyBytes: Reads a range within the file.
  /// - Throws: `CheckpointError.fileSize`, `.header` or `.tensor`.
  package init(path: String, fileByteCount: Int, copyBytes: (Range<Int>) -> [UInt8]) throws(CheckpointError) {
    let textStart = Self.prefixByteCount
    guard fileByteCount >= textStart else {
      throw .fileSize(path: path, expected: textStart, found: fileByteCount)
    }
    let start = copyBytes(0..<textStart)
    let textByteCount = start.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard (2...UInt64(Self.textByteLimit)).contains(textByteCount) else {
      let bytes = start.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
      throw .header(path: path, byte: 0, expected: "a safetensors file", found: "one that begins with \(bytes)")
    }
    let dataStart = textStart + Int(textByteCount)
    guard dataStart <= fileByteCount else {
      throw .fileSize(path: path, expected: dataStart, found: fileByteCount)
    }
    var content = HeaderContent()
    try content.read(copyBytes(textStart..<dataStart), path: path)
    try content.arrange(path: path, dataStart: dataStart, fileByteCount: fileByteCount)

    tensors = content.entries.map(\.tensor)
    ranges = content.entries.map { dataStart + $0.begin..<dataStart + $0.end }
    metadata = content.metadata
    var indices: [String: Int] = [:]
    for (index, tensor) in tensors.enumerated() { indices[tensor.name] = index }
    self.indices = indices
  }
}
