import Configurations

/// A configuration with one key of every type.
struct SampleConfiguration: Configurable, Equatable {
  enum Norm: String, ConfigurationChoice { case rms, layer, none }

  var width = 512
  var heads: Int? = 8
  var rate = 3e-4
  var dropout: Double? = nil
  var tied = true
  var cached: Bool? = nil
  var path = "data/train.tokens"
  var prompt: String? = nil
  var norm = Norm.rms
  var secondNorm: Norm? = nil
  var patterns: [String] = []
  var first = Part()
  var second = Part()

  struct Part: Equatable {
    var rate = 1.0
    var depth: Int?
  }

  static var keys: [ConfigurationKey<Self>] {
    [
      ConfigurationKey("width", \.width, 1...65536, "Model width D."),
      ConfigurationKey("heads", \.heads, 1...Int.max, "Heads H; null chooses."),
      ConfigurationKey("rate", \.rate, .above(0), "Learning rate."),
      ConfigurationKey("dropout", \.dropout, .from(0, below: 1), "Dropout."),
      ConfigurationKey("tied", \.tied, "Whether the head is the embedding."),
      ConfigurationKey("cached", \.cached, "Whether to cache."),
      ConfigurationKey("path", \.path, "Training tokens."),
      ConfigurationKey("prompt", \.prompt, "A | prompt."),
      ConfigurationKey("norm", \.norm, "Normalisation."),
      ConfigurationKey("second_norm", \.secondNorm, "Second normalisation."),
      ConfigurationKey("patterns", \.patterns, "Names."),
      ConfigurationKey("parts.first.rate", \.first.rate, .atLeast(0), "Rate of the first part."),
      ConfigurationKey("parts.first.depth", \.first.depth, 1...9, "Depth of the first part."),
      ConfigurationKey("parts.second.rate", \.second.rate, .atLeast(0), "Rate of the second part."),
    ]
  }

  var contradictions: [(key: String, message: String)] {
    guard let heads, !width.isMultiple(of: heads) else { return [] }
    return [("heads", "expected a divisor of width \(width), found \(heads)")]
  }
}

/// Settings with one line each, in the given order.
func settings(_ pairs: KeyValuePairs<String, ConfigurationValue>) -> [ConfigurationSetting] {
  pairs.enumerated().map { index, pair in
    let location = ConfigurationLocation(path: "x.yaml", line: index + 1, column: 3)
    return ConfigurationSetting(name: pair.key, value: pair.value, location: location)
  }
}
