/// The dictionary of a PyTorch file that holds its weights.
struct StateDictionary {
  typealias Entries = [(key: PickleGraph.ID, value: PickleGraph.ID)]

  /// The keys under which a training checkpoint may hold its weights.
  private static let keys = ["model", "state_dict", "module", "model_state_dict"]
  /// How deeply such keys may be nested; dictionaries can contain themselves.
  private static let depthLimit = 4

  let id: PickleGraph.ID
  let entries: Entries

  /// Takes the root if it holds only tensors, else the root's value under one of the usual keys.
  ///
  /// - Throws: `CheckpointError.noStateDictionary`.
  init(of decoder: TensorDecoder) throws(CheckpointError) {
    let graph = decoder.contents.graph
    func failure(_ found: String) -> CheckpointError {
      .noStateDictionary(
        path: decoder.contents.path,
        expected: "a dictionary of tensors, alone or under \(Self.keys.joined(separator: ", "))", found: found)
    }
    guard let entries = graph.dictionary(graph.root) else { throw failure(graph.summary(graph.root)) }
    if !entries.isEmpty, entries.allSatisfy({ decoder.isTensor($0.value) }) {
      (id, self.entries) = (graph.root, entries)
    } else if let found = Self.weights(below: graph.root, of: decoder, depth: Self.depthLimit) {
      (id, self.entries) = found
    } else {
      let keys = entries.prefix(8).map { graph.summary($0.key) }.joined(separator: ", ")
      throw failure(entries.isEmpty ? "an empty one" : "the keys \(keys)\(entries.count > 8 ? ", …" : "")")
    }
  }

  // A dictionary with tensors under one of the usual keys, or under such a key nested below; the nearest counts.
  private static func weights(
    below id: PickleGraph.ID, of decoder: TensorDecoder, depth: Int
  ) -> (PickleGraph.ID, Entries)? {
    let graph = decoder.contents.graph
    let inner = keys.compactMap { key in graph.value(key, of: id) }
    for id in inner {
      if let entries = graph.dictionary(id), entries.contains(where: { decoder.isTensor($0.value) }) {
        return (id, entries)
      }
    }
    guard depth > 1 else { return nil }
    return inner.lazy.compactMap { weights(below: $0, of: decoder, depth: depth - 1) }.first
  }
}
