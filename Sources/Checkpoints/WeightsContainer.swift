internal import Files

/// One file with tensors, either a safetensors file or a PyTorch file.
enum WeightsContainer: Sendable {
  case safetensors(SafetensorsFile)
  case torch(TorchFile)

  /// Opens a mapped file of any kind except an index.
  init(_ file: MappedFile, kind: FileKind) throws(CheckpointError) {
    switch kind {
    case .zip, .legacyTorch: self = .torch(try TorchFile(file))
    default: self = .safetensors(try SafetensorsFile(file))
    }
  }

  var path: String {
    switch self {
    case .safetensors(let file): file.path
    case .torch(let file): file.path
    }
  }

  var tensors: [TensorDescription] {
    switch self {
    case .safetensors(let file): file.tensors
    case .torch(let file): file.header.tensors
    }
  }

  var metadata: [String: String] {
    if case .safetensors(let file) = self { file.metadata } else { [:] }
  }

  var plainConfiguration: [String: PickleScalar] {
    if case .torch(let file) = self { file.header.plainConfiguration } else { [:] }
  }

  var sharing: [[String]] {
    if case .torch(let file) = self { file.header.sharing } else { [] }
  }

  func withBytes<Result>(of name: String, _ body: (RawSpan) throws -> Result) throws -> Result {
    switch self {
    case .safetensors(let file): try file.withBytes(of: name, body)
    case .torch(let file): try file.withBytes(of: name, body)
    }
  }
}

/// A PyTorch file (`.pt`, `.pth`, `.bin`) opened for reading: named tensors, read without running its pickle.
struct TorchFile: Sendable {
  private let file: MappedFile
  let header: TorchHeader

  /// Checks a mapped file; the data stay on disk until they are touched.
  init(_ file: MappedFile) throws(CheckpointError) {
    self.file = file
    header = try TorchHeader(path: file.path, fileByteCount: file.byteCount, copyBytes: file.copyBytes)
  }

  var path: String { file.path }

  /// Passes a tensor's data to a closure, in row-major order; data in another order are copied first.
  func withBytes<Result>(of name: String, _ body: (RawSpan) throws -> Result) throws -> Result {
    guard let index = header.indices[name] else { throw CheckpointError.missingTensor(path: path, name: name) }
    let view = header.views[index]
    if let range = view.contiguousRange { return try file.withBytesOnce(range, body) }
    return try file.withSpan(view.storage) { view.gathered(from: $0) }.withRawSpan(body)
  }
}
