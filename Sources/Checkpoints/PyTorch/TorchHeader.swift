internal import Files

/// The tensor descriptions of a PyTorch zip file, checked against every rule of docs/CHECKPOINT.md §3.
package struct TorchHeader: Sendable {
  /// The size limit of a pickle.
  static let pickleByteLimit = 100_000_000
  /// The keys under which a training checkpoint may hold its weights.
  static let stateKeys = ["model", "state_dict", "module", "model_state_dict"]
  /// How deeply such keys may be nested; dictionaries can contain themselves.
  private static let containerDepth = 4

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
  /// - Throws: `CheckpointError.archive`, `.pickle`, `.tensor`, or `.file` for an archive of another kind.
  package init(
    path: String, fileByteCount: Int, copyBytes: @escaping (Range<Int>) -> [UInt8]
  ) throws(CheckpointError) {
    let archive = try StoredArchive(path: path, fileByteCount: fileByteCount, copyBytes: copyBytes)
    let folder = try Self.folder(of: archive, path: path)
    try archive.checkStored()
    let order = try archive.copyData(of: folder + "/byteorder", byteLimit: 64) ?? Array("little".utf8)
    guard order == Array("little".utf8) else {
      throw .archive(
        path: path, entry: folder + "/byteorder", expected: "'little'",
        found: quoted(String(decoding: order, as: UTF8.self)))
    }
    guard let pickle = try archive.copyData(of: folder + "/data.pkl", byteLimit: Self.pickleByteLimit) else {
      preconditionFailure("\(path): no data.pkl in '\(folder)', which was found by it")
    }
    let graph = try PickleReader.read(pickle, path: path)
    let decoder = TensorDecoder(graph: graph, archive: archive, path: path, folder: folder)
    let (state, entries) = try Self.stateDictionary(of: decoder)

    var tensors: [TensorDescription] = []
    var views: [TensorView] = []
    var indices: [String: Int] = [:]
    for (key, value) in entries where decoder.isTensor(value) {
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
    plainConfiguration = graph.plainConfiguration(without: state)
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

  // The single folder at the top of the archive.
  private static func folder(of archive: StoredArchive, path: String) throws(CheckpointError) -> String {
    let suffix = "/data.pkl"
    let candidates = archive.ranges.keys.filter { $0.hasSuffix(suffix) && $0.utf8.count { $0 == 0x2F } == 1 }
    guard let found = candidates.first else {
      throw .file(.unexpectedKind(path: path, expected: .weights, found: .foreignArchive))
    }
    guard candidates.count == 1 else {
      throw .archive(path: path, entry: nil, expected: "one entry <name>/data.pkl", found: "\(candidates.count)")
    }
    let folder = String(found.dropLast(suffix.count))
    let isProgram = archive.ranges.keys.contains { $0 == folder + "/constants.pkl" || $0.hasPrefix(folder + "/code/") }
    guard !isProgram else { throw .file(.unexpectedKind(path: path, expected: .weights, found: .torchScript)) }
    return folder
  }

  // The root if it holds only tensors, else the root's value under one of the usual keys.
  private static func stateDictionary(
    of decoder: TensorDecoder
  ) throws(CheckpointError) -> (PickleGraph.ID, [(key: PickleGraph.ID, value: PickleGraph.ID)]) {
    let graph = decoder.graph
    let usual = "a dictionary of tensors, alone or under \(stateKeys.joined(separator: ", "))"
    func failure(_ found: String) -> CheckpointError {
      .archive(path: decoder.path, entry: decoder.folder + "/data.pkl", expected: usual, found: found)
    }
    guard let entries = graph.dictionary(graph.root) else { throw failure(graph.summary(graph.root)) }
    if !entries.isEmpty, entries.allSatisfy({ decoder.isTensor($0.value) }) { return (graph.root, entries) }
    if let found = weights(below: graph.root, of: decoder, depth: containerDepth) { return found }
    let keys = entries.prefix(8).map { graph.summary($0.key) }.joined(separator: ", ")
    throw failure(entries.isEmpty ? "an empty one" : "the keys \(keys)\(entries.count > 8 ? ", …" : "")")
  }

  // A dictionary with tensors under one of the usual keys, or under such a key nested below; the nearest counts.
  private static func weights(
    below id: PickleGraph.ID, of decoder: TensorDecoder, depth: Int
  ) -> (PickleGraph.ID, [(key: PickleGraph.ID, value: PickleGraph.ID)])? {
    let graph = decoder.graph
    let inner = stateKeys.compactMap { key in graph.value(key, of: id) }
    for id in inner {
      if let entries = graph.dictionary(id), entries.contains(where: { decoder.isTensor($0.value) }) {
        return (id, entries)
      }
    }
    guard depth > 1 else { return nil }
    return inner.lazy.compactMap { weights(below: $0, of: decoder, depth: depth - 1) }.first
  }
}
