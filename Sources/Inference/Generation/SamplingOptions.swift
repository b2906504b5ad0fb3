/// How the next token is chosen from the logits. The initial values are the defaults of `generate`.
package struct SamplingOptions: Sendable, Equatable {
  /// Divides the logits; 0 takes the most likely token.
  package var temperature = 0.8
  /// Keeps the k most likely tokens; 0 keeps all.
  package var topK = 40
  /// Keeps the tokens whose −ln p is nearest to the entropy, until their probabilities reach this sum; 1 keeps all.
  package var typical = 1.0
  /// Keeps the most likely tokens whose probabilities reach this sum; 1 keeps all.
  package var topP = 0.95
  /// Keeps the tokens that are at least this fraction as likely as the most likely one; 0 keeps all.
  package var minP = 0.05
  package var penalties = TokenPenalties()
  /// Added to the logits, by id.
  package var bias: [Int32: Float] = [:]

  package init() {}
}

/// Penalties on the logits of recent tokens.
package struct TokenPenalties: Sendable, Equatable {
  /// Divides positive logits and multiplies negative ones (Keskar et al. 2019); 1 changes nothing.
  package var repetition = 1.0
  /// Subtracted once.
  package var presence = 0.0
  /// Subtracted for each occurrence.
  package var frequency = 0.0
  /// How many tokens count as recent, including the prompt's.
  package var lastCount = 64

  package init() {}

  /// Whether they change anything.
  package var isActive: Bool { lastCount > 0 && (repetition != 1 || presence != 0 || frequency != 0) }
}
