/// The dictionary of a PyTorch file that holds its weights.
struct StateDictionary {
  /// The keys under which training programs keep weights: fairseq and torchscale, Lightning, DeepSpeed, PyTorch's
  /// tutorial.
  private static let keys = ["model", "state_dict", "module", "model_state_dict"]
  /// More keys, which also name other things.
  private static let looseKeys = ["model_state", "net", "network", "params", "weights"]
  /// How deeply keys may be nested; dictionaries can contain themselves.
  private static let depthLimit = 4

  let id: PickleGraph.ID
  let entries: [(key: PickleGraph.ID, value: PickleGraph.ID)]

  /// Takes the root if it holds only tensors, else what is under the usual keys, else the only dictionary with a matrix.
  ///
  /// The attributes of an object count as a dictionary at the root: training scripts pickle checkpoints of a class of
  /// their own.
  ///
  /// - Throws: `CheckpointError.noStateDictionary`.
  init(of decoder: TensorDecoder) throws(CheckpointError) {
    let graph = decoder.contents.graph
    func failure(_ found: String) -> CheckpointError {
      .noStateDictionary(
        path: decoder.contents.path,
        expected: "a dictionary of tensors, alone or under \(Self.keys.joined(separator: ", "))", found: found)
    }
    let root = graph.content
    guard let entries = graph.dictionary(root) else { throw failure(graph.summary(root)) }
    // The parameters of a module are spread over its modules.
    guard graph.value("_parameters", of: root) == nil || graph.value("_modules", of: root) == nil else {
      throw failure("a whole module, \(graph.summary(graph.root))")
    }
    if !entries.isEmpty, entries.allSatisfy({ decoder.isTensor($0.value) }) {
      (id, self.entries) = (root, entries)
      return
    }
    if let found = Self.usual(in: decoder) {
      (id, self.entries) = (found, graph.dictionary(found) ?? [])
      return
    }
    // Running averages of the weights count only where there are no weights.
    let found = StateCandidate.all(in: decoder, depth: Self.depthLimit)
    let weights = found.filter { !$0.isAverage }
    let candidates = weights.isEmpty ? found : weights
    if let chosen = Self.choice(among: candidates) {
      (id, self.entries) = (chosen.id, graph.dictionary(chosen.id) ?? [])
      return
    }
    if !candidates.isEmpty {
      let list = candidates.prefix(8).map(\.description).joined(separator: ", ")
      throw failure("several others: \(list)\(candidates.count > 8 ? ", …" : "")")
    }
    if StateCandidate.isOptimizer(root, graph) { throw failure("the state of an optimizer") }
    let keys = entries.prefix(8).map { graph.summary($0.key) }.joined(separator: ", ")
    throw failure(entries.isEmpty ? "an empty one" : "the keys \(keys)\(entries.count > 8 ? ", …" : "")")
  }

  // A dictionary with tensors under one of the usual keys, or under such a key nested below; the nearest counts.
  private static func usual(in decoder: TensorDecoder) -> PickleGraph.ID? {
    let graph = decoder.contents.graph
    // Each dictionary is entered once, so that cycles cannot make the search long.
    var entered: Set = [graph.content]
    var level = [graph.content]
    for _ in 0..<depthLimit {
      level = level.flatMap { id in keys.compactMap { graph.value($0, of: id) } }.filter { entered.insert($0).inserted }
      let found = level.first { graph.dictionary($0)?.contains { decoder.isTensor($0.value) } ?? false }
      if let found { return found }
    }
    return nil
  }

  // The candidate under a usual key, if it is the only one under that key; else the only one.
  private static func choice(among candidates: [StateCandidate]) -> StateCandidate? {
    for key in keys + looseKeys {
      let named = candidates.filter { $0.keys.last == key }
      if !named.isEmpty { return named.count == 1 ? named[0] : nil }
    }
    return candidates.count == 1 ? candidates[0] : nil
  }
}

/// A dictionary with a matrix, which may be the weights.
private struct StateCandidate: CustomStringConvertible {
  /// The keys that lead to it from the root.
  let keys: [String]
  let id: PickleGraph.ID
  let tensorCount: Int

  var description: String {
    "\(keys.isEmpty ? "the root" : quoted(keys.joined(separator: "."))) (tensors: \(tensorCount))"
  }

  /// Whether it is named as a running average of weights.
  var isAverage: Bool {
    keys.contains { key in
      key.lowercased().split { !$0.isLetter }.contains { ["ema", "swa", "average", "averaged"].contains($0) }
    }
  }

  /// All candidates, the nearest first. What belongs to an optimizer is not entered.
  static func all(in decoder: TensorDecoder, depth: Int) -> [StateCandidate] {
    let graph = decoder.contents.graph
    var candidates: [StateCandidate] = []
    var entered: Set = [graph.content]
    var level = [(keys: [String](), id: graph.content)]
    for _ in 0...depth {
      var next: [(keys: [String], id: PickleGraph.ID)] = []
      for (keys, id) in level where !isOptimizer(id, graph) {
        let entries = graph.dictionary(id) ?? []
        let tensors = entries.filter { decoder.isTensor($0.value) }
        if tensors.contains(where: { decoder.rank(of: $0.value) == 2 }) {
          candidates.append(StateCandidate(keys: keys, id: id, tensorCount: tensors.count))
        }
        for (key, value) in entries where graph.isDictionary(value) {
          guard let name = graph.name(key), !isOptimizerName(name), entered.insert(value).inserted else { continue }
          next.append((keys + [name], value))
        }
      }
      level = next
    }
    return candidates
  }

  /// Whether a dictionary is what `Optimizer.state_dict()` of PyTorch returns.
  static func isOptimizer(_ id: PickleGraph.ID, _ graph: PickleGraph) -> Bool {
    graph.value("param_groups", of: id) != nil
  }

  private static func isOptimizerName(_ name: String) -> Bool {
    let name = name.lowercased()
    return ["optim", "adam", "exp_avg", "moment", "grad"].contains { name.contains($0) }
  }
}
