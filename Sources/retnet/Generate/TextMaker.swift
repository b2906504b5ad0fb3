internal import Inference
internal import Tensors
internal import Tokenization

/// Why a text ended.
enum FinishReason: String {
  /// It has the requested number of tokens.
  case length
  /// The model ended the document.
  case eos
  /// A stop string was found.
  case stop
  /// The text was ended early: by a signal, or because nobody reads the output.
  case signal
}

/// The settings for generating texts, the same for all of them.
struct TextRules {
  /// nil: a text is its ids, separated by spaces.
  let tokenizer: Tokenizer?
  /// The token that ends a text; nil: none.
  let eosID: Int32?
  var options: SamplingOptions
  /// The maximum number of tokens.
  var count: Int
  var stops: [String] = []
  /// How many of the most likely tokens are reported for each token; nil: no probabilities are reported.
  var logProbabilities: Int?
  /// Frames prompts as the messages of a user; nil: prompts are read as they are.
  var chat: ChatFrame?
}

/// Generates one text: chooses its tokens, returns the characters that are final, and records why it ended.
struct TextMaker {
  private let rules: TextRules
  let seed: UInt64
  private(set) var sampler: Sampler
  private var stream: TextStream?
  private var stops: StopStrings
  private(set) var tokens: [Int32] = []
  private(set) var text = ""
  private(set) var finish: FinishReason?
  /// For each token, its ln p under the model, and the most likely tokens; empty if they are not reported.
  private(set) var probabilities: [RankedToken] = []
  /// The same for the EOS that ended the text.
  private(set) var eosProbability: RankedToken?

  /// The last token that was chosen, EOS included, if probabilities are reported.
  var lastScored: RankedToken? { eosProbability ?? probabilities.last }

  var tellsProbabilities: Bool { rules.logProbabilities != nil }

  /// - Parameters:
  ///   - rules: The settings.
  ///   - seed: The sampling seed.
  ///   - recent: The last ids that were read, for penalties.
  ///   - isTextStart: Whether no text was read before.
  init(_ rules: TextRules, seed: UInt64, recent: [Int32], isTextStart: Bool) {
    self.rules = rules
    self.seed = seed
    sampler = Sampler(rules.options, seed: seed, recent: recent)
    stream = rules.tokenizer.map { TextStream($0, startsText: isTextStart) }
    stops = StopStrings(rules.stops)
    if rules.count == 0 { finish = .length }
  }

  /// Chooses the next token.
  ///
  /// - Parameter logits: [N].
  /// - Returns: The token, nil for EOS, which ends the text; and the characters that are now final.
  /// - Throws: `TokenChoiceError`.
  mutating func step(_ logits: Tensor) throws(TokenChoiceError) -> (token: Int32?, text: String) {
    try checkFinite(logits)
    guard let token = sampler.choose(logits) else { throw .nothingLeft }
    let scored = rules.logProbabilities.map { RankedToken(token, logits: logits, top: $0) }
    if token == rules.eosID {
      finish = .eos
      eosProbability = scored
      return (nil, add(stops.append(stream?.finish() ?? "") + stops.finish()))
    }
    tokens.append(token)
    if let scored { probabilities.append(scored) }
    var characters = stops.append(stream?.append(token) ?? (tokens.count > 1 ? " \(token)" : "\(token)"))
    if !stops.isFound, tokens.count == rules.count {
      finish = .length
      characters += stops.append(stream?.finish() ?? "") + stops.finish()
    }
    if stops.isFound { finish = .stop }
    return (token, add(characters))
  }

  /// Ends the text early.
  ///
  /// - Returns: The characters that were held back.
  mutating func stop() -> String {
    finish = .signal
    return add(stops.append(stream?.finish() ?? "") + stops.finish())
  }

  private mutating func add(_ characters: String) -> String {
    text += characters
    return characters
  }
}
