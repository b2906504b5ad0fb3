/// What a PyTorch file holds besides the tensors: the dictionaries around them, and second names.
///
/// ```swift
/// TorchLayout.stateDictionary
/// TorchLayout(root: ["args": nil, "cfg": ["model": ["decoder_layers": 6]], "model": .weights])
/// ```
package struct TorchLayout: Sendable {
  /// A value of the file's pickle.
  package enum Value: Equatable, Sendable {
    /// The state dictionary: every tensor by its name.
    case weights
    case scalar(PickleScalar)
    case list([Value])
    /// Keys in this order.
    case dictionary([Entry])
  }

  /// A key of a dictionary with its value.
  package struct Entry: Equatable, Sendable {
    package let key: String
    package let value: Value

    package init(key: String, value: Value) { (self.key, self.value) = (key, value) }
  }

  /// The state dictionary alone, as `torch.save(model.state_dict(), …)` writes it.
  package static let stateDictionary = TorchLayout(root: .weights)

  package let root: Value
  /// For each further name, the tensor whose storage it shares, as the head of a tied embedding does. These names
  /// follow the tensors in the file, sorted.
  package let aliases: [String: String]

  /// Describes a file.
  ///
  /// - Parameters:
  ///   - root: Everything in the file.
  ///   - aliases: Further names of tensors.
  /// - Precondition: `root` contains `.weights` once.
  package init(root: Value, aliases: [String: String] = [:]) {
    precondition(root.weightsCount == 1, "a layout has its weights \(root.weightsCount) times instead of once")
    self.root = root
    self.aliases = aliases
  }
}

extension TorchLayout.Value {
  fileprivate var weightsCount: Int {
    switch self {
    case .weights: 1
    case .scalar: 0
    case .list(let values): values.reduce(0) { $0 + $1.weightsCount }
    case .dictionary(let entries): entries.reduce(0) { $0 + $1.value.weightsCount }
    }
  }
}

// MARK: - Literals

extension TorchLayout.Value: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral {
  package init(nilLiteral: ()) { self = .scalar(.none) }
  package init(booleanLiteral value: Bool) { self = .scalar(.boolean(value)) }
  package init(integerLiteral value: Int) { self = .scalar(.integer(value)) }
}

extension TorchLayout.Value: ExpressibleByFloatLiteral, ExpressibleByStringLiteral {
  package init(floatLiteral value: Double) { self = .scalar(.float(value)) }
  package init(stringLiteral value: String) { self = .scalar(.text(value)) }
}

extension TorchLayout.Value: ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral {
  package init(arrayLiteral elements: Self...) { self = .list(elements) }

  package init(dictionaryLiteral elements: (String, Self)...) {
    self = .dictionary(elements.map { TorchLayout.Entry(key: $0.0, value: $0.1) })
  }
}
