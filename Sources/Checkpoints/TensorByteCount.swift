/// Counts the bytes that a writer receives for a tensor.
struct TensorByteCount {
  private let tensor: TensorDescription
  private let path: String
  private var count = 0

  /// - Parameters:
  ///   - tensor: The tensor; its description promises the number of bytes.
  ///   - path: The path to name in errors.
  init(of tensor: TensorDescription, path: String) {
    self.tensor = tensor
    self.path = path
  }

  /// Counts a piece, before it is written.
  ///
  /// - Throws: `CheckpointError.tensor` for more bytes than promised.
  mutating func add(_ piece: RawSpan) throws(CheckpointError) {
    count += piece.byteCount
    if count > tensor.byteCount { throw mismatch("at least \(count)") }
  }

  /// Checks the number of bytes.
  ///
  /// - Throws: `CheckpointError.tensor` for fewer bytes than promised.
  func finish() throws(CheckpointError) {
    if count < tensor.byteCount { throw mismatch("\(count)") }
  }

  private func mismatch(_ found: String) -> CheckpointError {
    .tensor(path: path, name: tensor.name, expected: "\(tensor.byteCount) bytes to write", found: found)
  }
}

extension TensorDescription {
  /// Refuses names that a reader would refuse: long ones, and those that occur twice.
  ///
  /// - Parameters:
  ///   - names: The names of all tensors.
  ///   - reserved: A name that no tensor may have.
  ///   - path: The path to name in errors.
  /// - Throws: `CheckpointError.tensor`.
  static func checkNames(_ names: [String], reserved: String? = nil, path: String) throws(CheckpointError) {
    try checkLengths(names, path: path)
    var taken = Set(reserved.map { [$0] } ?? [])
    for name in names where !taken.insert(name).inserted {
      throw .tensor(path: path, name: name, expected: "a name of its own", found: "a name already in use")
    }
  }

  /// Refuses names that are longer than a reader accepts.
  static func checkLengths(_ names: [String], path: String) throws(CheckpointError) {
    let limit = HeaderReader.nameByteLimit
    for name in names where name.utf8.count > limit {
      throw .tensor(path: path, name: name, expected: "a name of at most \(limit) bytes", found: "\(name.utf8.count)")
    }
  }
}
