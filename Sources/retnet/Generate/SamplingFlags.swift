internal import ArgumentParser
internal import Inference
internal import Modeling
internal import Tokenization

/// The sampling options, which decide how the next token is chosen.
struct SamplingFlags: ParsableArguments {
  private static let defaults = SamplingOptions()

  @Option(
    name: [.customLong("temp"), .customLong("temperature")], parsing: .unconditional,
    help: ArgumentHelp("Temperature; 0 takes the most likely token.", valueName: "t"))
  var temperature = defaults.temperature

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Sample from the k most likely tokens; 0: all.", valueName: "k"))
  var topK = defaults.topK

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Sample from the most likely tokens whose probabilities reach this sum; 1: all.", valueName: "p"))
  var topP = defaults.topP

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Sample from tokens at least this fraction as likely as the most likely one; 0: all.", valueName: "p"))
  var minP = defaults.minP

  @Option(
    name: .customLong("typical"), parsing: .unconditional,
    help: ArgumentHelp(
      "Sample from the tokens nearest to the expected surprise whose probabilities reach this sum; 1: all.",
      valueName: "p"))
  var typical = defaults.typical

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Divide positive logits of recent tokens by this, multiply negative ones by it; 1: no change.", valueName: "r"))
  var repeatPenalty = defaults.penalties.repetition

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("How many tokens count as recent, including the prompt's, 0 to 65536.", valueName: "n"))
  var repeatLastN = defaults.penalties.lastCount

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Subtract this from the logits of recent tokens.", valueName: "p"))
  var presencePenalty = defaults.penalties.presence

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Subtract this from the logits of recent tokens for each occurrence.", valueName: "f"))
  var frequencyPenalty = defaults.penalties.frequency

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "Add to the logit of a token: 42+1.5, 42-2 or 42-inf, which forbids it; may be repeated.", valueName: "id±b"))
  var logitBias: [LogitBias] = []

  @Option(
    name: .shortWithValue("s"), parsing: .unconditional,
    help: ArgumentHelp(
      "Sampling seed, a whole number from 0 (default: 0, or the stored random state).", valueName: "n"))
  var seed: UInt64?

  func validate() throws {
    func check(_ isGood: Bool, _ flag: String, _ expected: String, _ found: some CustomStringConvertible) throws {
      if !isGood { throw ValidationError("\(flag): expected \(expected), found \(found)") }
    }
    try check(temperature >= 0 && temperature.isFinite, "--temp", "a number ≥ 0", temperature)
    try check(topK >= 0, "--top-k", "at least 0", topK)
    try check(topP > 0 && topP <= 1, "--top-p", "more than 0 and at most 1", topP)
    try check(minP >= 0 && minP <= 1, "--min-p", "0 to 1", minP)
    try check(typical > 0 && typical <= 1, "--typical", "more than 0 and at most 1", typical)
    try check(repeatPenalty > 0 && repeatPenalty.isFinite, "--repeat-penalty", "a number above 0", repeatPenalty)
    try check(
      (0...RecentTokens.limit).contains(repeatLastN), "--repeat-last-n", "0 to \(RecentTokens.limit)", repeatLastN)
    try check(presencePenalty.isFinite, "--presence-penalty", "a number", presencePenalty)
    try check(frequencyPenalty.isFinite, "--frequency-penalty", "a number", frequencyPenalty)
  }

  /// The options, checked against the vocabulary.
  ///
  /// - Parameters:
  ///   - tokenizer: Has a piece for each token that may be chosen; nil: every token may be.
  ///   - model: The model, whose vocabulary may be larger.
  /// - Returns: The options, which forbid ids without a piece.
  /// - Throws: `CommandError` for a bias of an id that does not exist; `TokenChoiceError` if no token is allowed.
  func options(_ tokenizer: Tokenizer?, of model: ModelConfiguration) throws -> SamplingOptions {
    var options = SamplingOptions()
    (options.temperature, options.topK, options.topP) = (temperature, topK, topP)
    (options.minP, options.typical) = (minP, typical)
    (options.penalties.repetition, options.penalties.lastCount) = (repeatPenalty, repeatLastN)
    (options.penalties.presence, options.penalties.frequency) = (presencePenalty, frequencyPenalty)
    for bias in logitBias {
      let last = (tokenizer?.vocabularySize ?? model.vocabularySize) - 1
      guard bias.id <= last else {
        throw CommandError(.usage, "--logit-bias: expected an id from 0 to \(last), found \(bias.id)")
      }
      options.bias[Int32(bias.id), default: 0] += bias.amount
      if options.bias[Int32(bias.id)] == .infinity {
        throw CommandError(.usage, "--logit-bias: expected finite sums, found more for token \(bias.id)")
      }
    }
    if let tokenizer { options.forbidIDs(withoutPieceIn: tokenizer, of: model) }
    if options.bias.count == model.vocabularySize, options.bias.values.allSatisfy({ $0 == -.infinity }) {
      throw TokenChoiceError.nothingLeft
    }
    return options
  }
}

extension SamplingOptions {
  /// Forbids the extra ids of a padded vocabulary, which stand for no text.
  ///
  /// - Parameters:
  ///   - tokenizer: The model's tokenizer.
  ///   - model: The model, whose vocabulary is as large or larger.
  mutating func forbidIDs(withoutPieceIn tokenizer: Tokenizer, of model: ModelConfiguration) {
    for id in tokenizer.vocabularySize..<model.vocabularySize { bias[Int32(id)] = -.infinity }
  }
}

/// A value of `--logit-bias`.
struct LogitBias: ExpressibleByArgument {
  let id: Int
  let amount: Float

  init?(argument: String) {
    guard let sign = argument.firstIndex(where: { $0 == "+" || $0 == "-" }), let id = Int(argument[..<sign]),
      let amount = Float(argument[sign...]), amount < .infinity
    else { return nil }
    (self.id, self.amount) = (id, amount)
  }
}
