/// A row of a configuration's table of keys: the name of a key, the property that it sets, its range and its meaning.
///
/// ```swift
/// ConfigurationKey("width", \.width, 1...65536, "Model width D.")
/// ```
package struct ConfigurationKey<Root>: Sendable {
  /// The name in files, in snake_case.
  package let name: String
  /// What the key accepts.
  package let kind: ConfigurationKind
  /// What the key means, in one line.
  package let documentation: String
  /// Reads the property.
  package let get: @Sendable (Root) -> ConfigurationValue
  /// Writes the property; false if the value has a type that the kind does not accept.
  package let set: @Sendable (inout Root, ConfigurationValue) -> Bool

  /// A key with a range.
  ///
  /// - Parameters:
  ///   - name: The name in files, in snake_case.
  ///   - path: The property.
  ///   - limits: The range, `1...8` for integers, a `NumberRange` for numbers.
  ///   - documentation: One line.
  package init<Value: ConfigurationConvertible>(
    _ name: String, _ path: any WritableKeyPath<Root, Value> & Sendable, _ limits: Value.Limits,
    _ documentation: String
  ) {
    self.name = name
    self.kind = Value.kind(within: limits)
    self.documentation = documentation
    self.get = { $0[keyPath: path].configurationValue }
    self.set = { root, value in
      guard let converted = Value(value) else { return false }
      root[keyPath: path] = converted
      return true
    }
  }

  /// A key without a range: a boolean, a string, a choice, a list, or the optional of one of these.
  ///
  /// - Parameters:
  ///   - name: The name in files, in snake_case.
  ///   - path: The property.
  ///   - documentation: One line.
  package init<Value: ConfigurationConvertible>(
    _ name: String, _ path: any WritableKeyPath<Root, Value> & Sendable, _ documentation: String
  ) where Value.Limits == NoLimits {
    self.init(name, path, NoLimits(), documentation)
  }
}
