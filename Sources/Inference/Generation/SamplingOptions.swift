/// How the next token is chosen from the logits. Those of `init` are the defaults of `generate`.
package struct SamplingOptions: Sendable, Equatable {
  /// Divides the logits; 0 takes the most likely token.
  package var temperature = 0.8
  /// Keeps the k most likely tokens; 0 keeps all.
  package var topK = 40
  /// Keeps the tokens whose surprise is nearest to the entropy, until they have this probability together; 1 keeps all.
  package var typical = 1.0
  /// Keeps the most likely tokens that together have at least this probability; 1 keeps all.
  package var topP = 0.95
  /// Keeps the tokens that are at least this part as likely as the most likely one; 0 keeps all.
  package var minP = 0.05
  package var penalties = TokenPenalties()
  /// Added to the logits, by id.
  package var bias: [Int32: Float] = [:]

  package init() {}
}

/// What tokens lose that were among the last ones.
package struct TokenPenalties: Sendable, Equatable {
  /// Divides a logit above 0 and multiplies one below (Keskar et al. 2019); 1 changes nothing.
  package var repetition = 1.0
  /// Is taken off once.
  package var presence = 0.0
  /// Is taken off for each time.
  package var frequency = 0.0
  /// How many tokens back, the prompt's among them.
  package var lastCount = 64

  package init() {}

  /// Whether they change anything.
  package var isActive: Bool { lastCount > 0 && (repetition != 1 || presence != 0 || frequency != 0) }
}
