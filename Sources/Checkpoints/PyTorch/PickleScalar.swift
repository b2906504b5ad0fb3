/// A plain value (number, boolean or text) of a configuration in a PyTorch file.
package enum PickleScalar: Equatable, Sendable {
  case none
  case boolean(Bool)
  case integer(Int)
  case float(Double)
  case text(String)
}

extension PickleGraph {
  /// The plain values that can be reached from the root by names.
  ///
  /// Dictionaries, the attributes of the root and those of `argparse.Namespace` are entered, lists are not. Each dictionary is entered
  /// only once, where it is first met. So neither cycles nor shared parts can make the walk long.
  ///
  /// - Parameter excluded: A dictionary that is not entered.
  /// - Returns: The values by their dotted names, such as `cfg.model.dropout`.
  func plainConfiguration(without excluded: ID) -> [String: PickleScalar] {
    let depthLimit = 16
    var configuration: [String: PickleScalar] = [:]
    var entered: Set<ID> = [excluded]
    var waiting = [(prefix: "", id: content, depth: 0)]
    while let (prefix, id, depth) = waiting.popLast() {
      guard depth < depthLimit, entered.insert(id).inserted, let entries = dictionary(id) else { continue }
      for (key, value) in entries {
        guard let name = name(key), prefix.utf8.count <= HeaderReader.nameByteLimit else { continue }
        if let scalar = scalar(value) {
          configuration[prefix + name] = scalar
        } else {
          waiting.append((prefix + name + ".", namespace(value) ?? value, depth + 1))
        }
      }
    }
    return configuration
  }

  private func scalar(_ id: ID) -> PickleScalar? {
    switch values[id] {
    case .none: PickleScalar.none
    case .boolean(let value): .boolean(value)
    case .integer(let value): .integer(value)
    case .float(let value): .float(value)
    case .text(let text): .text(text)
    default: nil
    }
  }

  private func namespace(_ id: ID) -> ID? {
    guard let object = object(id), global(object.callable) == Global(module: "argparse", name: "Namespace") else {
      return nil
    }
    return object.state
  }
}
