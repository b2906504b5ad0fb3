internal import Files

/// The tensor descriptions of a PyTorch file, checked against every rule of docs/CHECKPOINT.md §3.
package struct TorchHeader: Sendable {
  /// The tensors in the order of the pickle.
  package let tensors: [TensorDescription]
  /// The position and layout of each tensor's data, in the same order.
  let views: [TensorView]
  /// The index in `tensors` of each name.
  package let indices: [String: Int]
  /// The plain values next to the weights, by their dotted names, such as `cfg.model.dropout`.
  package let plainConfiguration: [String: PickleScalar]

  /// Reads and checks everything except the tensor data.
  ///
  /// - Parameters:
  ///   - path: The path to name in errors.
  ///   - fileByteCount: The length of the whole file.
  ///   - copyBytes: Reads a range within the file.
  /// - Throws: `CheckpointError.archive`, `.pickle`, `.tensor`, `.fileSize`, `.noStateDictionary`, or `.file` for an
  ///   archive of another kind.
  package init(
    path: String, fileByteCount: Int, copyBytes: @escaping (Range<Int>) -> [UInt8]
  ) throws(CheckpointError) {
    let beginning = copyBytes(0..<min(fileByteCount, FileKind.beginningByteCount))
    let contents =
      FileKind(beginning: beginning) == .legacyTorch
      ? try TorchContents(legacy: path, fileByteCount: fileByteCount, copyBytes: copyBytes)
      : try TorchContents(archive: path, fileByteCount: fileByteCount, copyBytes: copyBytes)
    let graph = contents.graph
    let decoder = TensorDecoder(contents: contents)
    let state = try StateDictionary(of: decoder)

    var tensors: [TensorDescription] = []
    var views: [TensorView] = []
    var indices: [String: Int] = [:]
    for (key, value) in state.entries where decoder.isTensor(value) {
      guard let name = graph.name(key) else {
        throw .tensor(
          path: path, name: graph.summary(key), expected: "a name of at most \(HeaderReader.nameByteLimit) bytes",
          found: "another key")
      }
      let view = try decoder.view(of: value, name: name)
      guard indices.updateValue(tensors.count, forKey: name) == nil else {
        throw .tensor(path: path, name: name, expected: "each name once", found: "the name again")
      }
      tensors.append(
        TensorDescription(name: name, dataType: view.dataType, shape: view.shape, byteCount: view.byteCount))
      views.append(view)
    }
    self.tensors = tensors
    self.views = views
    self.indices = indices
    plainConfiguration = graph.plainConfiguration(without: state.id)
  }

  /// The groups of two or more names that share the same data, in the order of the pickle.
  package var sharing: [[String]] {
    var places: [TensorView: Int] = [:]
    var groups: [[String]] = []
    for (tensor, view) in zip(tensors, views) {
      if let place = places[view] {
        groups[place].append(tensor.name)
      } else {
        places[view] = groups.count
        groups.append([tensor.name])
      }
    }
    return groups.filter { $0.count > 1 }
  }
}
