internal import Files

/// One file that holds tensors itself, of either kind.
enum WeightsContainer: Sendable {
  case safetensors(SafetensorsFile)
  case torch(TorchFile)

  /// Opens a mapped file of any kind but an index.
  init(_ file: MappedFile, kind: FileKind) throws(CheckpointError) {
    self = kind == .zip ? .torch(try TorchFile(file)) : .safetensors(try SafetensorsFile(file))
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
