internal import Files

/// Named tensors from a safetensors file, a sharded model, or a PyTorch file.
///
/// Opening checks everything except the tensor data, which stay on disk until they are touched. The kind of a file is
/// recognised by its content, never by its name. Source: docs/CHECKPOINT.md §1 and §3.
///
/// ```swift
/// let weights = try WeightsFile(path: "model")  // a folder, an index or a file
/// for tensor in weights.tensors { print(tensor.name, tensor.shape) }
/// let bytes = try weights.withBytes(of: "norm.weight") { [UInt8](copying: $0) }
/// ```
package struct WeightsFile: Sendable {
  /// The file names that are looked for in a folder, in this order.
  package static let folderNames = [
    "model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json",
    "model.pt", "checkpoint_best.pt", "checkpoint_last.pt", "checkpoint.pt",
  ]
  /// The size limit of a configuration.
  package static let configurationByteLimit = 1 << 24

  /// The opened file; for a folder, the file found in it.
  package let path: String
  /// All tensors, in the order of the data, of the pickle, or of the shards' names.
  package let tensors: [TensorDescription]
  // One container, or one for each shard, in the order of their names.
  private let containers: [WeightsContainer]
  // For each name, its container and its index in `tensors`.
  private let places: [String: (container: Int, tensor: Int)]

  /// Opens weights.
  ///
  /// - Parameter path: A file that holds tensors, an index of such files, or a folder with one of `folderNames`.
  /// - Throws: `CheckpointError`.
  package init(path: String) throws(CheckpointError) {
    let file = try Self.map(path)
    let kind = try Self.kind(of: file)
    containers =
      kind == .json ? try Self.openShards(index: file) : [try WeightsContainer(file, kind: kind)]
    self.path = file.path
    tensors = containers.flatMap(\.tensors)
    var places: [String: (Int, Int)] = [:]
    for (index, container) in containers.enumerated() {
      for tensor in container.tensors { places[tensor.name] = (index, places.count) }
    }
    self.places = places
  }

  /// The paths of all files that hold tensors.
  package var filePaths: [String] { containers.map(\.path) }

  /// The text entries of safetensors files; of several files, the entries without contradictions.
  package var metadata: [String: String] {
    var metadata: [String: String] = [:]
    var contradicted: Set<String> = []
    for (key, value) in containers.flatMap(\.metadata) {
      if let other = metadata.updateValue(value, forKey: key), other != value { contradicted.insert(key) }
    }
    return metadata.filter { !contradicted.contains($0.key) }
  }

  /// The plain values next to the weights in a PyTorch file, by their dotted names, such as `cfg.model.dropout`.
  package var plainConfiguration: [String: PickleScalar] {
    containers.reduce(into: [:]) { $0.merge($1.plainConfiguration) { first, _ in first } }
  }

  /// The groups of two or more names that share the same data, such as the two names of a tied embedding.
  package var sharing: [[String]] { containers.flatMap(\.sharing) }

  /// The description of a tensor; nil if there is none of that name.
  package func description(of name: String) -> TensorDescription? { places[name].map { tensors[$0.tensor] } }

  /// Passes the data of a tensor to a closure.
  ///
  /// The bytes are row-major and little-endian, in general unaligned. A tensor that PyTorch stored in another order is
  /// copied for the duration of the call.
  ///
  /// - Parameters:
  ///   - name: The tensor's name.
  ///   - body: Reads exactly `byteCount` bytes of the tensor's description; it cannot keep them.
  /// - Returns: What `body` returns.
  /// - Throws: `CheckpointError.missingTensor`, and what `body` throws.
  package func withBytes<Result>(of name: String, _ body: (RawSpan) throws -> Result) throws -> Result {
    guard let place = places[name] else { throw CheckpointError.missingTensor(path: path, name: name) }
    return try containers[place.container].withBytes(of: name, body)
  }

  /// The path of a file in the folder of the weights; the file need not exist.
  package func path(beside name: String) -> String { folder(of: path) + name }

  /// Reads a configuration, or the `config.json` next to the weights.
  ///
  /// - Parameter path: The configuration; nil: the one next to the weights.
  /// - Returns: Its bytes; nil if there is none next to the weights.
  /// - Throws: `CheckpointError.file`, also if it is longer than `configurationByteLimit`.
  package func configurationText(at path: String? = nil) throws(CheckpointError) -> [UInt8]? {
    let file: MappedFile
    do {
      file = try MappedFile(path: path ?? self.path(beside: "config.json"))
    } catch .missing where path == nil {
      return nil
    } catch {
      throw .file(error)
    }
    let limit = Self.configurationByteLimit
    guard file.byteCount <= limit else { throw .file(.tooLarge(path: file.path, byteLimit: limit)) }
    return file.copyBytes(0..<file.byteCount)
  }
}

// MARK: - Opening

extension WeightsFile {
  private static func map(_ path: String) throws(CheckpointError) -> MappedFile {
    do {
      return try MappedFile(path: path)
    } catch .notAFile where isFolder(path: path) {
      return try find(inFolder: path)
    } catch {
      throw .file(error)
    }
  }

  private static func find(inFolder folder: String) throws(CheckpointError) -> MappedFile {
    for name in folderNames {
      do {
        return try MappedFile(path: folder.hasSuffix("/") ? folder + name : "\(folder)/\(name)")
      } catch .missing {
        continue
      } catch {
        throw .file(error)
      }
    }
    throw .noWeights(path: folder)
  }

  private static func kind(of file: MappedFile) throws(CheckpointError) -> FileKind {
    do {
      return try FileRole.weights.check(file)
    } catch {
      throw .file(error)
    }
  }

  // Opens every file that the index names; each must hold exactly the tensors that the index assigns to it.
  private static func openShards(index: MappedFile) throws(CheckpointError) -> [WeightsContainer] {
    let limit = ShardIndex.byteLimit
    guard index.byteCount <= limit else { throw .file(.tooLarge(path: index.path, byteLimit: limit)) }
    let shards = try ShardIndex(index.copyBytes(0..<index.byteCount), path: index.path).shards
    var expected: [String: Set<String>] = [:]
    for (tensor, shard) in shards { expected[shard, default: []].insert(tensor) }

    var containers: [WeightsContainer] = []
    for (shard, names) in expected.sorted(by: { $0.key < $1.key }) {
      let file: MappedFile
      do {
        file = try MappedFile(path: folder(of: index.path) + shard)
      } catch {
        throw .file(error)
      }
      let container = try WeightsContainer(file, kind: try kind(of: file))
      let found = container.tensors.map(\.name)
      if let stranger = found.first(where: { !names.contains($0) }) {
        throw .tensor(path: file.path, name: stranger, expected: "the tensors of the index", found: "one more")
      }
      if let missing = names.subtracting(found).min() { throw .missingTensor(path: file.path, name: missing) }
      containers.append(container)
    }
    return containers
  }
}

// The part of a path up to its last slash; empty for a plain name.
private func folder(of path: String) -> String {
  path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
}
