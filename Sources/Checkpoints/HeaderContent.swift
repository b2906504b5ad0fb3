/// The entries of a safetensors header while they are parsed and checked.
struct HeaderContent {
  /// A tensor with the range of its data, counted from the end of the header.
  struct Entry {
    let tensor: TensorDescription
    let begin: Int
    let end: Int
  }

  private(set) var entries: [Entry] = []
  private(set) var metadata: [String: String] = [:]

  /// Parses the whole text and checks each entry on its own.
  mutating func read(_ text: [UInt8], path: String) throws(CheckpointError) {
    var reader = HeaderReader(text, path: path)
    var names: Set<String> = []
    try reader.checkBeginning()
    try reader.readObject("'{'") { (reader, name, position) throws(CheckpointError) in
      guard names.insert(name).inserted else { throw reader.duplicate(name, at: position) }
      if name == SafetensorsHeader.metadataName {
        try readMetadata(&reader)
      } else {
        entries.append(try readEntry(&reader, name: name, path: path))
      }
    }
    try reader.readEnd()
  }

  /// Sorts the entries by the position of their data, and checks that the data fill the file without gaps.
  mutating func arrange(path: String, dataStart: Int, fileByteCount: Int) throws(CheckpointError) {
    // Empty tensors share their position with others; sorting by name makes the order unique.
    entries.sort { left, right in
      if (left.begin, left.end) != (right.begin, right.end) { return (left.begin, left.end) < (right.begin, right.end) }
      return left.tensor.name.utf8.lexicographicallyPrecedes(right.tensor.name.utf8)
    }
    var end = 0
    for entry in entries {
      guard entry.begin == end else {
        throw .tensor(path: path, name: entry.tensor.name, expected: "data from \(end)", found: "\(entry.begin)")
      }
      end = entry.end
    }
    let (expected, overflow) = dataStart.addingReportingOverflow(end)
    guard expected == fileByteCount, !overflow else {
      throw .fileSize(path: path, expected: overflow ? .max : expected, found: fileByteCount)
    }
  }

  private mutating func readMetadata(_ reader: inout HeaderReader) throws(CheckpointError) {
    try reader.readObject("an object of strings") { (reader, key, position) throws(CheckpointError) in
      let value = try reader.readString("a string")
      guard metadata.updateValue(value, forKey: key) == nil else { throw reader.duplicate(key, at: position) }
    }
  }

  private func readEntry(
    _ reader: inout HeaderReader, name: String, path: String
  ) throws(CheckpointError) -> Entry {
    var dataType: String?
    var shape: [Int]?
    var offsets: [Int]?
    try reader.readObject("an object with dtype, shape and data_offsets") {
      (reader, key, position) throws(CheckpointError) in
      switch key {
      case "dtype" where dataType == nil:
        dataType = try reader.readString("a string", byteLimit: HeaderReader.nameByteLimit)
      case "shape" where shape == nil:
        shape = try reader.readIntegers("an array of integers")
      case "data_offsets" where offsets == nil:
        offsets = try reader.readIntegers("an array of two integers")
      case "dtype", "shape", "data_offsets":
        throw reader.duplicate(key, at: position)
      default:
        throw reader.failure("dtype, shape or data_offsets", at: position, found: quoted(key))
      }
    }
    func failure(_ expected: String, _ found: String) -> CheckpointError {
      .tensor(path: path, name: name, expected: expected, found: found)
    }
    guard let dataType else { throw failure("a dtype", "none") }
    guard let shape else { throw failure("a shape", "none") }
    guard let offsets else { throw failure("data_offsets", "none") }
    guard let type = DataType(rawValue: dataType) else { throw failure("a known dtype", quoted(dataType)) }
    guard let byteCount = type.byteCount(ofShape: shape) else {
      throw failure("a shape of whole bytes, less than 2^63 bits", "\(dataType) \(brief(shape))")
    }
    guard offsets.count == 2, offsets[0] <= offsets[1] else {
      throw failure("data_offsets [begin, end]", brief(offsets))
    }
    guard offsets[1] - offsets[0] == byteCount else {
      throw failure("\(byteCount) bytes for \(dataType) \(brief(shape))", "\(offsets[1] - offsets[0])")
    }
    let tensor = TensorDescription(name: name, dataType: type, shape: shape, byteCount: byteCount)
    return Entry(tensor: tensor, begin: offsets[0], end: offsets[1])
  }

  // A hostile shape can have millions of sizes; a message must stay short.
  private func brief(_ integers: [Int]) -> String {
    integers.count <= 8 ? "\(integers)" : "[\(integers.prefix(8).map(String.init).joined(separator: ", ")), …]"
  }
}
