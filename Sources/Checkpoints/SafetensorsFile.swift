package import Files

/// A safetensors file opened for reading, with its named tensors and text entries.
///
/// Opening checks the whole header and the length of the file, so all described data can be read. The data stay on disk
/// until they are touched. Source: docs/CHECKPOINT.md §1.
///
/// ```swift
/// let file = try SafetensorsFile(path: "model.safetensors")
/// for tensor in file.tensors { print(tensor.name, tensor.shape) }
/// let norm = try file.withBytes(of: "norm.weight") { Float32Tensor($0) }
/// ```
package struct SafetensorsFile: Sendable {
  private let file: MappedFile
  private let header: SafetensorsHeader

  /// Maps a file and checks everything except the numbers in it.
  ///
  /// - Parameter path: A regular file.
  /// - Throws: `CheckpointError.file`, `.fileSize`, `.header` or `.tensor`.
  package init(path: String) throws(CheckpointError) {
    let file: MappedFile
    do {
      file = try MappedFile(path: path)
    } catch {
      throw .file(error)
    }
    try self.init(file)
  }

  /// Checks a file that is already mapped.
  ///
  /// - Throws: `CheckpointError.fileSize`, `.header` or `.tensor`.
  package init(_ file: MappedFile) throws(CheckpointError) {
    self.file = file
    header = try SafetensorsHeader(path: file.path, fileByteCount: file.byteCount, copyBytes: file.copyBytes)
  }

  /// The path as it was given.
  package var path: String { file.path }

  /// The owner of the mapping: bytes passed by `withBytes` stay valid while it lives.
  package var mapping: AnyObject { file }

  /// The length of the file in bytes.
  package var byteCount: Int { file.byteCount }

  /// The tensors in the order of their data.
  package var tensors: [TensorDescription] { header.tensors }

  /// The text entries (`__metadata__`).
  package var metadata: [String: String] { header.metadata }

  /// The description of a tensor; nil if there is none of that name.
  package func description(of name: String) -> TensorDescription? {
    header.indices[name].map { header.tensors[$0] }
  }

  /// Passes the data of a tensor to a closure.
  ///
  /// The bytes are as stored: little-endian, row-major, in general unaligned.
  ///
  /// - Parameters:
  ///   - name: The tensor's name.
  ///   - body: Reads exactly `byteCount` bytes of the tensor's description; it cannot keep them.
  /// - Returns: What `body` returns.
  /// - Throws: `CheckpointError.missingTensor`, and what `body` throws.
  package func withBytes<Result>(of name: String, _ body: (RawSpan) throws -> Result) throws -> Result {
    guard let index = header.indices[name] else { throw CheckpointError.missingTensor(path: path, name: name) }
    return try file.withBytesOnce(header.ranges[index], body)
  }
}
