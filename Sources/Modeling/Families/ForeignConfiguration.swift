internal import Checkpoints
internal import Configurations

/// The configuration that another program wrote with its weights: `config.json`, or plain values in a PyTorch file.
struct ForeignConfiguration {
  /// The file, for messages.
  let path: String
  private let values: [String: Value]

  /// A scalar, or a value with parts.
  private indirect enum Value: Decodable {
    case scalar(ConfigurationValue)
    case array([Value])
    case object([String: Value])

    init(from decoder: any Decoder) throws {
      if let array = try? [Value](from: decoder) {
        self = .array(array)
      } else if let object = try? [String: Value](from: decoder) {
        self = .object(object)
      } else {
        self = .scalar(try ConfigurationValue(from: decoder))
      }
    }
  }

  private init(path: String, values: [String: Value]) { (self.path, self.values) = (path, values) }

  /// - Parameters:
  ///   - weights: The weights that the configuration belongs to.
  ///   - configurationPath: The file with the configuration; nil: the one next to the weights, if there is one.
  /// - Throws: `CheckpointError` if the file cannot be read, `ModelFileError.foreignSetting` if it is no JSON object.
  init(_ weights: WeightsFile, at configurationPath: String? = nil) throws {
    guard let text = try weights.configurationText(at: configurationPath) else {
      path = weights.path
      values = Self.values(weights.plainConfiguration)
      return
    }
    path = configurationPath ?? weights.path(beside: "config.json")
    do {
      values = try decodedJSON([String: Value].self, from: text)
    } catch {
      throw ModelFileError.foreignSetting(path: path, key: nil, expected: "a JSON object", found: "something else")
    }
  }

  /// The settings of a model in a fairseq file: under `cfg.model`, in older files under `args`.
  private static func values(_ plain: [String: PickleScalar]) -> [String: Value] {
    var values: [String: Value] = [:]
    for prefix in ["args.", "cfg.model."] {
      for (name, scalar) in plain where name.hasPrefix(prefix) {
        let key = String(name.dropFirst(prefix.count))
        switch scalar {
        case .none: values[key] = .scalar(.null)
        case .boolean(let boolean): values[key] = .scalar(.boolean(boolean))
        case .integer(let integer): values[key] = .scalar(.integer(integer))
        case .float(let number): values[key] = .scalar(.number(number))
        case .text(let text): values[key] = .scalar(.text(text))
        }
      }
    }
    return values
  }

  /// Whether there are no settings.
  var isEmpty: Bool { values.isEmpty }

  /// Whether a setting is present, even as null.
  func has(_ key: String) -> Bool { values[key] != nil }

  /// Whether a setting is present and not null.
  func isGiven(_ key: String) -> Bool { values[key] != nil && !isGiven(key, as: .null) }

  /// Whether a setting has this value.
  func isGiven(_ key: String, as expected: ConfigurationValue) -> Bool {
    if case .scalar(expected) = values[key] { true } else { false }
  }

  /// The value of a setting, for messages.
  func described(_ key: String) -> String { values[key].map(described) ?? "nothing" }

  /// The value of a setting; nil if it is missing or null.
  func value<Setting: ConfigurationConvertible>(
    _ key: String, _ type: Setting.Type = Setting.self
  ) throws(ModelFileError) -> Setting? {
    guard let value = values[key] else { return nil }
    if case .scalar(.null) = value { return nil }
    guard case .scalar(let scalar) = value, let setting = Setting(scalar) else {
      throw .foreignSetting(
        path: path, key: key, expected: Self.words["\(Setting.self)"] ?? "\(Setting.self)", found: described(value))
    }
    return setting
  }

  /// The settings that a setting consists of: one object, or each of a list of objects; none if it is missing or null.
  func parts(_ key: String) throws(ModelFileError) -> [ForeignConfiguration] {
    guard let value = values[key] else { return [] }
    var parts: [ForeignConfiguration] = []
    switch value {
    case .scalar(.null): return []
    case .object(let object): return [ForeignConfiguration(path: path, values: object)]
    case .array(let array):
      for case .object(let object) in array { parts.append(ForeignConfiguration(path: path, values: object)) }
      if parts.count == array.count { return parts }
    case .scalar: break
    }
    throw .foreignSetting(path: path, key: key, expected: "an object, or a list of them", found: described(value))
  }

  /// A list of whole numbers; nil if it is missing or null.
  func integers(_ key: String) throws(ModelFileError) -> [Int]? {
    guard let value = values[key] else { return nil }
    if case .scalar(.null) = value { return nil }
    var numbers: [Int] = []
    if case .array(let array) = value {
      for case .scalar(.integer(let number)) in array { numbers.append(number) }
      if numbers.count == array.count { return numbers }
    }
    throw .foreignSetting(path: path, key: key, expected: "a list of whole numbers", found: described(value))
  }

  private static let words = [
    "Int": "a whole number", "Double": "a number", "Bool": "true or false", "String": "text",
  ]

  /// A token id; nil if it is missing, null or negative: -1 stands for no token.
  func tokenID(_ key: String) throws(ModelFileError) -> Int? {
    guard let id = try value(key, Int.self), id >= 0 else { return nil }
    return id
  }

  /// Checks that a size is that of the weights; a missing, null or negative one is accepted.
  func expect(_ key: String, _ size: Int) throws(ModelFileError) {
    guard let found = try value(key, Int.self), found >= 0, found != size else { return }
    throw .foreignSetting(path: path, key: key, expected: "\(size), as the weights have it", found: "\(found)")
  }

  /// Refuses a model with a setting that is not implemented here.
  ///
  /// - Parameters:
  ///   - key: The name of the setting.
  ///   - allowed: The one value that is accepted besides null; nil if there is none.
  ///   - feature: The feature that any other value stands for.
  /// - Throws: `ModelFileError.unsupported`.
  func refuse(_ key: String, unless allowed: ConfigurationValue? = nil, _ feature: String) throws(ModelFileError) {
    guard let value = values[key] else { return }
    if case .scalar(let scalar) = value, scalar == .null || scalar == allowed { return }
    throw .unsupported(path: path, found: "\(feature) (\(key): \(described(value)))")
  }

  private func described(_ value: Value) -> String {
    if case .scalar(let scalar) = value { scalar.described } else { "a value with parts" }
  }
}
