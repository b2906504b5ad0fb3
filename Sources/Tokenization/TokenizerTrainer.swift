internal import CSentencePiece

/// Trains a SentencePiece vocabulary on text in memory.
///
/// ```swift
/// var trainer = try TokenizerTrainer(TokenizerTrainer.Settings(vocabularySize: 4096))
/// try trainer.append(text.span, source: "notes.txt")
/// let model = try trainer.train()
/// ```
package struct TokenizerTrainer {
  /// What can be chosen about a vocabulary.
  package struct Settings: Sendable {
    /// How many pieces there are in the end, byte pieces and special pieces among them.
    package var vocabularySize: Int
    /// How the vocabulary cuts text.
    ///
    /// On the King James Bible with 4,096 pieces, unigram and bpe need 0.2514 and 0.2507 ids for each byte of held-out
    /// text, and a 4-gram model of these ids 1.588 and 1.590 bits per byte.
    package var modelType = ModelType.unigram
    /// The share of all characters that must have a piece of their own, 0.98…1; the rest becomes byte pieces.
    package var characterCoverage = 1.0
    /// Whether there are 256 byte pieces; without them, text that no piece covers is lost.
    package var hasByteFallback = true
    /// Symbols that are always one piece.
    package var userDefinedSymbols: [String] = []
    /// The name of SentencePiece's normalisation rules; any other than `identity` changes text.
    package var normalization = "identity"
    /// The most text that is used; of more, blocks are chosen at random.
    ///
    /// A unigram vocabulary takes about a second and 25 MB of memory for each MB of text, the others far less.
    package var byteLimit = 16_000_000
    /// Chooses the blocks.
    package var seed: UInt64 = 0

    /// - Parameter vocabularySize: See the property.
    package init(vocabularySize: Int) {
      self.vocabularySize = vocabularySize
    }

    /// Whether every text can be given back byte for byte.
    package var isLossless: Bool { hasByteFallback && normalization == "identity" && modelType != .word }
  }

  private let settings: Settings
  private var sampler: SentenceSampler

  /// Begins without text.
  ///
  /// - Parameter settings: What is to be trained.
  /// - Throws: `TokenizerError.invalidSetting`.
  package init(_ settings: Settings) throws(TokenizerError) {
    try settings.validate()
    self.settings = settings
    // A unigram vocabulary finds pieces such as ".\n" only where something follows the newline.
    sampler = SentenceSampler(
      byteLimit: settings.byteLimit, joinsLines: settings.modelType == .unigram, seed: settings.seed)
  }

  /// How many bytes of text were appended.
  package var byteCount: Int { sampler.seenByteCount }

  /// How many of these bytes the training will use.
  package var sampledByteCount: Int { sampler.keptByteCount }

  /// Adds a document.
  ///
  /// - Parameters:
  ///   - text: The whole document.
  ///   - source: Names the text in errors.
  /// - Throws: `TokenizerError.invalidText`.
  package mutating func append(_ text: Span<UInt8>, source: String) throws(TokenizerError) {
    try sampler.append(text, source: source)
  }

  /// Trains the vocabulary.
  ///
  /// - Returns: The serialized model, which has as many pieces as was asked for.
  /// - Throws: `TokenizerError.noTrainingText`, `.vocabularyTooLarge` and `.vocabularyTooSmall`, which name the nearest
  ///   size that the text allows, `.invalidSetting` for a symbol that no text becomes, or `.trainingFailed`.
  package consuming func train() throws(TokenizerError) -> [UInt8] {
    var (text, ends) = sampler.sentences()
    guard !ends.isEmpty else { throw .noTrainingText }
    let requested = settings.vocabularySize
    if settings.modelType == .word, requested <= settings.specialCount {
      throw .vocabularyTooSmall(requested: requested, smallest: settings.specialCount + 1)
    }
    // The space is a required character, and SentencePiece aborts if one is nowhere in the text.
    text.append(UInt8(ascii: " "))
    ends.append(text.count)
    let longest = zip(ends, [0] + ends).map { $0 - $1 }.max() ?? 0
    let model = try settings.train(settings.options(longestSentence: longest), text, ends)
    try settings.check(model)
    return model
  }
}

extension TokenizerTrainer.Settings {
  fileprivate func train(_ options: [UInt8], _ text: [UInt8], _ ends: [Int]) throws(TokenizerError) -> [UInt8] {
    var model: UnsafeMutablePointer<UInt8>?
    var count = 0
    var error: UnsafeMutablePointer<CChar>?
    let isTrained = unsafe csp_train(options, options.count, text, ends, ends.count, &model, &count, &error)
    guard isTrained else { throw failure(unsafe takeMessage(error)) }
    defer { unsafe csp_free(model) }
    return unsafe Array(UnsafeBufferPointer(start: model, count: count))
  }
}
