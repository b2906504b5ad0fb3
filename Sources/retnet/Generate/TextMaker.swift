internal import Inference
internal import Tensors
internal import Tokenization

/// Why a text ended.
enum FinishReason: String {
  /// It has as many tokens as were asked for.
  case length
  /// The model ended the document.
  case eos
  /// A stop string came.
  case stop
  /// A signal ended the text before its end.
  case signal
}

/// How texts are made, the same for each of them.
struct TextRules {
  let tokenizer: Tokenizer
  /// The token that ends a text; nil: none does.
  let eosID: Int32?
  var options: SamplingOptions
  /// Tokens at most.
  var count: Int
  var stops: [String] = []
  /// How many of the most likely tokens are told of at each place; nil: none.
  var logProbabilities: Int?
}

/// One text as it is made: chooses tokens, tells the characters that are certain, and knows why it ended.
struct TextMaker {
  private let rules: TextRules
  let seed: UInt64
  private(set) var sampler: Sampler
  private var stream: TextStream
  private var stops: StopStrings
  private(set) var tokens: [Int32] = []
  private(set) var text = ""
  private(set) var finish: FinishReason?
  /// For each token, what the model gave it, and the most likely ones, if they are told.
  private(set) var probabilities: [(chosen: TokenLogProbability, top: [TokenLogProbability])] = []

  var tellsProbabilities: Bool { rules.logProbabilities != nil }

  /// - Parameters:
  ///   - rules: How.
  ///   - seed: Of the choice.
  ///   - recent: What was read last, for penalties.
  ///   - isTextStart: Whether nothing was read that is text.
  init(_ rules: TextRules, seed: UInt64, recent: [Int32], isTextStart: Bool) {
    self.rules = rules
    self.seed = seed
    sampler = Sampler(rules.options, seed: seed, recent: recent)
    stream = TextStream(rules.tokenizer, startsText: isTextStart)
    stops = StopStrings(rules.stops)
    if rules.count == 0 { finish = .length }
  }

  /// Chooses the next token.
  ///
  /// - Parameter logits: [N].
  /// - Returns: The token, unless it is EOS, which ends the text; and the characters that are now certain.
  /// - Throws: `TokenChoiceError`.
  mutating func step(_ logits: Tensor) throws(TokenChoiceError) -> (token: Int32?, text: String) {
    try checkFinite(logits)
    let probabilities = rules.logProbabilities.map { _ in TokenProbabilities(logits) }
    guard let token = sampler.choose(logits) else { throw .nothingLeft }
    if token == rules.eosID {
      finish = .eos
      return (nil, add(stops.append(stream.finish()) + stops.finish()))
    }
    tokens.append(token)
    if let probabilities {
      self.probabilities.append((probabilities[token], probabilities.top(rules.logProbabilities ?? 0)))
    }
    var characters = stops.append(stream.append(token))
    if !stops.isFound, tokens.count == rules.count {
      finish = .length
      characters += stops.append(stream.finish()) + stops.finish()
    }
    if stops.isFound { finish = .stop }
    return (token, add(characters))
  }

  /// Ends the text where it is.
  ///
  /// - Returns: The characters that were held back.
  mutating func stop() -> String {
    finish = .signal
    return add(stops.append(stream.finish()) + stops.finish())
  }

  private mutating func add(_ characters: String) -> String {
    text += characters
    return characters
  }
}
