internal import ArgumentParser
internal import Files
internal import Modeling
internal import Retention
internal import Tensors
internal import Tokenization

/// The option that names a model: `-m`.
struct ModelOption: ParsableArguments {
  @Option(
    name: .shortWithValue("m"),
    help: ArgumentHelp("Model file, or a run folder for its best model.", valueName: "model.safetensors"),
    completion: .file())
  var model: String
}

/// A model with its weights and tokenizer loaded.
struct LoadedModel {
  let header: ModelHeader
  let network: LanguageModel
  /// nil: the model reads and predicts token ids, without a text for them.
  let tokenizer: Tokenizer?

  /// - Parameters:
  ///   - path: The path of the file.
  ///   - isWidened: Whether 16-bit numbers are converted to Float32, so that all products are Float32. The digest is
  ///     then checked too, because the whole file is read. Otherwise, and always if it is quantised, the model runs
  ///     from the mapped file.
  ///   - cacheFormat: The format of the key/value cache; nil: Float32.
  /// - Throws: If the file is no model, is damaged, or its parts do not belong together; `CommandError` for a format if
  ///   the model has no layer of attention.
  init(path: String, isWidened: Bool = false, cacheFormat: CacheFormat? = nil) throws {
    header = try ModelHeader(path: path)
    tokenizer =
      header.hasTokenizer ? try Tokenizer(model: header.tokenizerModel(), path: "\(path): tokenizer") : nil
    if let tokenizer { try checkVocabulary(of: header.configuration, tokenizer) }
    if isWidened, header.quantization != nil { try header.checkDigest() }
    if cacheFormat != nil { try header.configuration.checkCache() }
    let network =
      isWidened && header.quantization == nil
      ? LanguageModel(header.configuration, try header.loadParameters()) : try header.loadNetwork()
    self.network = cacheFormat.map { network.caching(in: $0) } ?? network
  }

  /// BOS, if the model's sequences start with it.
  var bosID: Int32? { header.configuration.startingBOS }

  /// The model's digest: the stored one, else computed from the whole file.
  func digest() throws -> SHA256Digest { try header.storedDigest ?? header.computeDigest() }

  /// The tokenizer, for what needs text.
  ///
  /// - Parameter subject: What needs it, such as a flag.
  /// - Returns: The model's tokenizer.
  /// - Throws: `CommandError` if there is none.
  func tokenizer(for subject: String) throws -> Tokenizer {
    guard let tokenizer else { throw CommandError(noTokenizerIn: header, for: subject) }
    return tokenizer
  }

  /// The digest of the tokenizer; without one, that of no bytes.
  var tokenizerDigest: SHA256Digest { SHA256Digest(of: tokenizer?.model ?? []) }

  /// A note for people; nil if there is a tokenizer.
  var tokenizerNote: String? {
    tokenizer == nil ? "note: the model has no tokenizer; it reads and writes token ids" : nil
  }

  var eosID: Int32? { header.configuration.eosID.map(Int32.init) }
}

extension CacheFormat: ExpressibleByArgument {}

extension ModelConfiguration {
  /// The types of the layers in words: `retention`, or `retention and attention`.
  var typeNames: String { presentTypes.map(\.rawValue).joined(separator: " and ") }

  /// Refuses `--kv-cache` for a model without a cache.
  func checkCache() throws(CommandError) {
    guard !presentTypes.contains(.attention) else { return }
    throw CommandError(.usage, "--kv-cache: expected a model with layers of attention, found \(typeNames)")
  }

  /// The layers and their sizes in words: `6 layers, 6 heads, keys 192, values 240`; with several types a part for each.
  var mixerWords: String {
    let parts = presentTypes.map { type in
      let count = typeOfLayers.count { $0 == type }
      let name = isRetentionOnly ? "" : " of \(type.rawValue)"
      switch type {
      case .retention: return "\(count) layers\(name), \(heads) heads, keys \(keyWidth), values \(valueWidth)"
      case .attention, .linearAttention:
        let shared = attention.keyHeads == attention.heads ? "" : ", \(attention.keyHeads) key heads"
        return "\(count) layers\(name), \(attention.heads) heads of \(attention.headWidth)\(shared)"
      }
    }
    return parts.joined(separator: "; ")
  }
}

extension CommandError {
  /// The error for what needs text, if the model has no tokenizer.
  init(noTokenizerIn header: ModelHeader, for subject: String) {
    self.init(
      .badData, "\(subject): expected a tokenizer in \(header.path), found none",
      hint: "add one with: retnet convert MODEL -o NEW --tokenizer tokenizer.model; or give ids: --prompt-ids 1,42,7")
  }
}

extension Tokenizer {
  /// Reads a tokenizer from a file.
  ///
  /// - Parameter path: The path of a SentencePiece model or of a `tokenizer.json`, or `-`.
  /// - Throws: `FileError`, also for another kind of file; `TokenizerError`.
  convenience init(path: String) throws {
    try FileRole.tokenizer.check(path)
    try self.init(model: readAll(path: path, byteLimit: 1 << 30), path: path)
  }
}

/// Throws if the tokenizer has more pieces than the model's vocabulary; the text would be nonsense.
func checkVocabulary(of model: ModelConfiguration, _ tokenizer: Tokenizer) throws {
  guard tokenizer.vocabularySize <= model.vocabularySize else {
    throw CommandError(
      .badData,
      "\(tokenizer.path): expected at most \(model.vocabularySize) pieces, the model's vocabulary, "
        + "found \(tokenizer.vocabularySize)")
  }
}

extension ModelConfiguration {
  /// A note for commands that compute in a form that ignores the model's score norm.
  ///
  /// No state of constant size can hold Σ_m |R[n, m]|: every new token changes every term (docs/MATH.md, eq. 31).
  ///
  /// - Parameter consequence: What the command does, as the end of the sentence.
  /// - Returns: One line; nil if every form uses the same divisor.
  func scoreNormNote(_ consequence: String) -> String? {
    guard scoreNorm == .sumOfAbs else { return nil }
    return "note: score norm \(scoreNorm.rawValue): only the parallel form can divide by the sum of absolute scores; "
      + consequence
  }
}
