package import Configurations
package import Retention
package import Tensors

/// Which sequences begin with the token BOS. What starts from an empty state does, unless the model never saw one.
package enum BOSRule: String, CaseIterable, Sendable, ConfigurationChoice {
  /// Every training sequence begins with BOS, also one cut from the middle of a document.
  case sequence
  /// Every document begins with BOS.
  case document
  /// No BOS.
  case none
}

extension DecayRule: ConfigurationChoice {}
extension RotationLayout: ConfigurationChoice {}
extension RotationFrequencies: ConfigurationChoice {}

/// Everything that decides what function the weights compute. It travels in the checkpoint.
///
/// The defaults are the layout of flash-linear-attention's `RetNetForCausalLM`.
package struct ModelConfiguration: Equatable, Sendable, Configurable {
  /// D.
  package var width = 256
  /// Number of blocks.
  package var layers = 6
  /// H.
  package var heads = 8
  /// H·K; 0 means D.
  package var keyWidth = 0
  /// H·V; 0 means 2 D.
  package var valueWidth = 0
  /// F; 0 means ⌈⅔·2D⌉ to a multiple of 256, as flash-linear-attention has it.
  package var feedForwardWidth = 0
  /// N; 0 means the tokenizer's.
  package var vocabularySize = 0
  package var isHeadTied = false
  package var normEpsilon = 1e-6
  package var decay = DecayRule.powers
  package var rotationLayout = RotationLayout.halfSplit
  package var rotationFrequencies = RotationFrequencies.standard
  package var rotationBase = 10_000.0
  package var bos = BOSRule.sequence
  /// Token ids of the tokenizer that the model was trained with.
  package var bosID: Int?
  package var eosID: Int?

  package init() {}

  package static var keys: [ConfigurationKey<ModelConfiguration>] {
    [
      ConfigurationKey("width", \.width, 1...65_536, "Model width D."),
      ConfigurationKey("layers", \.layers, 1...1_000, "Number of blocks."),
      ConfigurationKey("heads", \.heads, 1...1_024, "Retention heads H, each with a decay of its own."),
      ConfigurationKey("key_width", \.keyWidth, 0...1_048_576, "Width of queries and keys over all heads; 0: width."),
      ConfigurationKey("value_width", \.valueWidth, 0...1_048_576, "Width of values over all heads; 0: 2 × width."),
      ConfigurationKey(
        "feed_forward_width", \.feedForwardWidth, 0...1_048_576,
        "Inner width F of the gated feed-forward part; 0: 4/3 × width, rounded up to a multiple of 256."),
      ConfigurationKey(
        "vocabulary_size", \.vocabularySize, 0...1_048_576, "Number of tokens N; 0: as many as the tokenizer has."),
      ConfigurationKey("tied_head", \.isHeadTied, "Whether the output head is the embedding table."),
      ConfigurationKey("norm_epsilon", \.normEpsilon, .between(0, 1), "ε of every norm."),
      ConfigurationKey("decay", \.decay, "Decay of the heads: powers 1 - 2^(-5-h), linspace, single 127/128, none."),
      ConfigurationKey("rotation_layout", \.rotationLayout, "Which numbers of a head form a rotated pair."),
      ConfigurationKey("rotation_frequencies", \.rotationFrequencies, "The table θ of rotation frequencies."),
      ConfigurationKey("rotation_base", \.rotationBase, .between(1, 1e12), "Base of the table θ."),
      ConfigurationKey("bos", \.bos, "What begins with BOS: each sequence, each document, or none."),
      ConfigurationKey("bos_id", \.bosID, 0...1_048_575, "Id of BOS; null: the tokenizer's."),
      ConfigurationKey("eos_id", \.eosID, 0...1_048_575, "Id of EOS; null: the tokenizer's."),
    ]
  }

  package var contradictions: [(key: String, message: String)] {
    var found: [(key: String, message: String)] = []
    let resolved = self.resolved
    if resolved.keyWidth % heads != 0 || resolved.keyWidth / heads % 2 != 0 {
      found.append(("key_width", "expected a multiple of 2 × heads (\(2 * heads)), found \(resolved.keyWidth)"))
    }
    if resolved.valueWidth % heads != 0 {
      found.append(("value_width", "expected a multiple of heads (\(heads)), found \(resolved.valueWidth)"))
    }
    // Without a bound, a file of a few megabytes could ask for a state of terabytes.
    for (key, size) in [
      ("key_width", resolved.keyWidth), ("value_width", resolved.valueWidth),
      ("feed_forward_width", resolved.feedForwardWidth),
    ] where size > 64 * width {
      found.append((key, "expected at most 64 × width (\(64 * width)), found \(size)"))
    }
    for (key, id) in [("bos_id", bosID), ("eos_id", eosID)] {
      if let id, vocabularySize > 0, id >= vocabularySize {
        found.append((key, "expected less than vocabulary_size \(vocabularySize), found \(id)"))
      }
    }
    return found
  }

  /// The same model with every 0 that stands for another key's value replaced.
  package var resolved: ModelConfiguration {
    var copy = self
    if keyWidth == 0 { copy.keyWidth = width }
    if valueWidth == 0 { copy.valueWidth = 2 * width }
    if feedForwardWidth == 0 { copy.feedForwardWidth = (width * 4 / 3 + 255) / 256 * 256 }
    return copy
  }
}
