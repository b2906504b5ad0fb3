internal import Configurations
internal import Retention
package import Tensors

/// Which products of attention have a bias.
package enum AttentionBiases: String, CaseIterable, Sendable, ConfigurationChoice {
  case none
  /// Queries, keys and values: flash-linear-attention's `qkv_bias`, Qwen 2.
  case inputs
  /// Queries, keys, values and the output: transformers' `attention_bias`.
  case all
}

/// The keys of layers of attention.
package struct AttentionConfiguration: Equatable, Sendable {
  /// H; 0 means the heads of the model.
  package var heads = 0
  /// Hk: heads of keys and values, which groups of query heads share; 0 means H.
  package var keyHeads = 0
  /// K: the width of a head; 0 means D / H.
  package var headWidth = 0
  package var biases = AttentionBiases.none
  /// A token sees itself and so many tokens before it, less one; nil: all.
  package var window: Int?
  package var rotationBase = 10_000.0
  /// The format of the key/value cache: no key of the model, as every program that runs it may choose.
  package var cacheFormat = CacheFormat.float32

  static var keys: [ConfigurationKey<ModelConfiguration>] {
    [
      ConfigurationKey("attention.heads", \.attention.heads, 0...1_024, "Attention: query heads; 0: heads."),
      ConfigurationKey(
        "attention.key_heads", \.attention.keyHeads, 0...1_024,
        "Attention: heads of keys and values, which groups of query heads share; 0: attention.heads."),
      ConfigurationKey(
        "attention.head_width", \.attention.headWidth, 0...65_536,
        "Attention: width of a head; 0: width / attention.heads."),
      ConfigurationKey(
        "attention.biases", \.attention.biases,
        "Attention: biases of none, of the inputs (queries, keys, values), or of all products."),
      ConfigurationKey(
        "attention.window", \.attention.window, 1...1_000_000_000,
        "Attention: tokens that a token sees, itself among them; null: all before it."),
      ConfigurationKey(
        "attention.rotation_base", \.attention.rotationBase, .between(1, 1e12),
        "Attention: base of the rotation frequencies."),
    ]
  }

  /// Replaces every 0 by the value that it stands for.
  mutating func resolve(_ c: ModelConfiguration) {
    if heads == 0 { heads = c.heads }
    if keyHeads == 0 { keyHeads = heads }
    if headWidth == 0 { headWidth = c.width / heads }
  }

  /// What is wrong with the sizes.
  func contradictions(_ c: ModelConfiguration) -> [(key: String, message: String)] {
    var found: [(key: String, message: String)] = []
    if heads % keyHeads != 0 {
      found.append(("attention.key_heads", "expected a divisor of attention.heads (\(heads)), found \(keyHeads)"))
    }
    if headWidth < 2 || headWidth % 2 != 0 {
      found.append(("attention.head_width", "expected an even number from 2 on, found \(headWidth)"))
    }
    if heads * headWidth > 64 * c.width {
      found.append(
        (
          "attention.head_width",
          "expected at most 64 × width over all heads (\(64 * c.width)), found \(heads * headWidth)"
        ))
    }
    return found
  }

  /// H·K: the width of queries, and of the heads' outputs.
  var queryWidth: Int { heads * headWidth }
  /// Hk·K: the width of keys, and of values.
  var keyWidth: Int { keyHeads * headWidth }
  /// Query heads that share one key/value head.
  var group: Int { heads / keyHeads }

  var columns: ProjectionColumns { ProjectionColumns(queries: queryWidth, keys: keyWidth, values: keyWidth) }

  var rotation: Rotation {
    Rotation(
      layout: .halfSplit, frequencies: RotationFrequencies.standard.values(keyWidth: headWidth, base: rotationBase))
  }
}
