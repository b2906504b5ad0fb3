internal import ArgumentParser
internal import Files
internal import Modeling
internal import Retention
internal import Tensors
internal import Tokenization

/// The option that names a model.
struct ModelOption: ParsableArguments {
  @Option(
    name: .shortWithValue("m"),
    help: ArgumentHelp("Model file, or a run folder: its best model.", valueName: "model.safetensors"),
    completion: .file())
  var model: String
}

/// A model file with its weights and tokenizer loaded.
struct LoadedModel {
  let header: ModelHeader
  let network: RetNet
  let tokenizer: Tokenizer

  /// - Parameters:
  ///   - path: Of the file.
  ///   - isWidened: Whether numbers of 16 bits become Float32, so that all products are Float32, and the digest is
  ///     compared, as the whole file is read. Otherwise, and always where it is quantised, the model runs from the file's
  ///     mapping.
  /// - Throws: When the file is no model, is damaged, or its parts do not belong together.
  init(path: String, isWidened: Bool = false) throws {
    header = try ModelHeader(path: path)
    tokenizer = try Tokenizer(model: header.tokenizerModel(), path: "\(path): tokenizer")
    try checkVocabulary(of: header.configuration, tokenizer)
    if isWidened, header.quantization != nil { try header.checkDigest() }
    network =
      isWidened && header.quantization == nil
      ? RetNet(header.configuration, try header.loadParameters()) : try header.loadNetwork()
  }

  /// BOS where the model's sequences begin with it.
  var bosID: Int32? { header.configuration.bos == .none ? nil : header.configuration.bosID.map(Int32.init) }

  /// The model's digest: as its writer stored it, else computed from the whole file.
  func digest() throws -> SHA256Digest { try header.storedDigest ?? header.computeDigest() }

  var tokenizerDigest: SHA256Digest { SHA256Digest(of: tokenizer.model) }

  var eosID: Int32? { header.configuration.eosID.map(Int32.init) }
}

extension Tokenizer {
  /// Reads a tokenizer from a file.
  ///
  /// - Parameter path: Of a SentencePiece model, or `-`.
  /// - Throws: `FileError`, also for another kind of file; `TokenizerError`.
  convenience init(path: String) throws {
    try FileRole.tokenizer.check(path)
    try self.init(model: readAll(path: path, byteLimit: 1 << 30), path: path)
  }
}

/// A tokenizer of another vocabulary would make nonsense silently.
func checkVocabulary(of model: ModelConfiguration, _ tokenizer: Tokenizer) throws {
  guard tokenizer.vocabularySize <= model.vocabularySize else {
    throw CommandError(
      .badData,
      "\(tokenizer.path): expected at most \(model.vocabularySize) pieces, the model's vocabulary, "
        + "found \(tokenizer.vocabularySize)")
  }
}

extension ModelConfiguration {
  /// What to say where a command computes in a form that leaves the model's score norm out.
  ///
  /// No state of constant size can hold Σ_m |R[n, m]|: every new token changes every term (docs/MATH.md, eq. 31).
  ///
  /// - Parameter consequence: What the command does, as the end of the sentence.
  /// - Returns: One line; nil where every form divides by the same.
  func scoreNormNote(_ consequence: String) -> String? {
    guard scoreNorm == .sumOfAbs else { return nil }
    return "note: score norm \(scoreNorm.rawValue): only the parallel form can divide by the sum of absolute scores; "
      + consequence
  }
}
