internal import Files

/// A PyTorch zip file (`.pt`, `.pth`, `.bin`) opened for reading: named tensors, read without running its pickle.
struct TorchFile: Sendable {
  private let file: MappedFile
  let header: TorchHeader

  /// Checks a mapped file; the numbers stay on disk until they are touched.
  init(_ file: MappedFile) throws(CheckpointError) {
    self.file = file
    header = try TorchHeader(path: file.path, fileByteCount: file.byteCount, copyBytes: file.copyBytes)
  }

  var path: String { file.path }

  /// Lends a tensor's numbers, in row-major order; those that lie otherwise are gathered into a copy first.
  func withBytes<Result>(of name: String, _ body: (RawSpan) throws -> Result) throws -> Result {
    guard let index = header.indices[name] else { throw CheckpointError.missingTensor(path: path, name: name) }
    let view = header.views[index]
    if let range = view.contiguousRange { return try file.withBytes(range, body) }
    return try file.withSpan(view.storage) { view.gathered(from: $0) }.withRawSpan(body)
  }
}
