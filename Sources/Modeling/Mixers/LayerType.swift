package import Configurations

/// The type of a layer: how it mixes the tokens of a sequence.
///
/// A type is a folder beside this file with a `Mixer`. To add one, add the folder, a case and its mixer here.
package enum LayerType: String, CaseIterable, Sendable, ConfigurationChoice {
  /// Gated retention (Sun et al. 2023).
  case retention
  /// Causal softmax attention.
  case attention
  /// Attention without softmax, with a state of fixed size.
  case linearAttention = "linear_attention"

  var mixer: any Mixer.Type {
    switch self {
    case .retention: RetentionMixer.self
    case .attention: AttentionMixer.self
    case .linearAttention: LinearAttentionMixer.self
    }
  }
}

/// The types of a model's layers: a list that repeats until every layer has a type.
package struct LayerPattern: Equatable, Sendable, ConfigurationConvertible {
  /// At least one.
  let types: [LayerType]

  package init(_ types: [LayerType]) {
    precondition(!types.isEmpty, "LayerPattern: no type")
    self.types = types
  }

  /// The type of a layer, from 0.
  subscript(layer: Int) -> LayerType { types[layer % types.count] }

  /// The shortest pattern that gives these layers the same types.
  static func shortest(for types: [LayerType]) -> LayerPattern {
    let period = (1...types.count).first { period in types.indices.allSatisfy { types[$0] == types[$0 % period] } }
    return LayerPattern(Array(types.prefix(period ?? types.count)))
  }

  package static func kind(within limits: NoLimits) -> ConfigurationKind {
    .choices(LayerType.allCases.map(\.rawValue))
  }

  package init?(_ value: ConfigurationValue) {
    let words: [String]
    switch value {
    case .text(let word): words = [word]
    case .list(let list): words = list
    default: return nil
    }
    let types = words.compactMap { LayerType(rawValue: $0) }
    guard types.count == words.count, !types.isEmpty else { return nil }
    self.init(types)
  }

  package var configurationValue: ConfigurationValue {
    types.count == 1 ? .text(types[0].rawValue) : .list(types.map(\.rawValue))
  }
}

extension ModelConfiguration {
  /// The type of each layer.
  package var typeOfLayers: [LayerType] { (0..<layers).map { layerTypes[$0] } }

  /// The types that occur, in the order of `LayerType`.
  package var presentTypes: [LayerType] {
    let present = Set(typeOfLayers)
    return LayerType.allCases.filter(present.contains)
  }

  /// Whether some layer looks back over everything before a token: attention without a window.
  package var seesWholeText: Bool { presentTypes.contains(.attention) && attention.window == nil }
}

/// One value for each layer type that a model has.
struct ByLayerType<Value> {
  private var values: [Value?]

  /// - Parameters:
  ///   - types: The types that have a value.
  ///   - make: Makes the value of a type.
  init(_ types: [LayerType], _ make: (LayerType) -> Value) {
    values = LayerType.allCases.map { types.contains($0) ? make($0) : nil }
  }

  private init(values: [Value?]) { self.values = values }

  subscript(type: LayerType) -> Value {
    guard let value = values[type.index] else { preconditionFailure("ByLayerType: no value for \(type)") }
    return value
  }

  func map<Other>(_ transform: (Value) -> Other) -> ByLayerType<Other> {
    ByLayerType<Other>(values: values.map { $0.map(transform) })
  }

  /// Calls a closure with each value that there is, in the order of `LayerType`.
  func forEach(_ body: (Value) -> Void) {
    for value in values { if let value { body(value) } }
  }
}

extension ByLayerType: Sendable where Value: Sendable {}

extension LayerType {
  fileprivate var index: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}
