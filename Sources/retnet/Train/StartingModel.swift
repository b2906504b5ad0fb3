internal import Checkpoints
internal import Configurations
internal import Files
internal import Modeling
internal import Retention
internal import Tensors
internal import Tokenization
internal import Training

/// The model that a run begins with, by `--init-from`, or began with.
struct StartingModel {
  /// For messages.
  let path: String
  let configuration: ModelConfiguration
  /// The bytes of its tokenizer; nil if it has none.
  let tokenizer: [UInt8]?
  /// Where its weights are; nil where the checkpoint of the run has them.
  let source: ModelSource?
  /// What the run remembers of it; nil where the checkpoint knows.
  let record: InitialModel?

  /// Opens a model to begin with.
  ///
  /// - Parameter path: A model file, or weights of another program.
  /// - Throws: What is wrong with it; `CommandError` for a quantised one.
  init(path: String) throws {
    let source = try ModelSource(path: path)
    if case .retnet(let header, _) = source, let quantization = header.quantization {
      throw CommandError(
        .badData,
        "\(path): expected a model with weights in f32, bf16 or f16 to begin with, found \(quantization.rawValue)",
        hint: "begin with the model that it was quantised from")
    }
    self.path = path
    self.source = source
    configuration = source.configuration
    tokenizer = try source.tokenizerModel()
    record = try source.record(path: path)
  }

  /// The model of a checkpoint, if its run began with a model.
  init?(_ checkpoint: ModelHeader) throws {
    guard checkpoint.provenance.parent != nil else { return nil }
    (path, configuration, source, record) = (checkpoint.path, checkpoint.configuration, nil, nil)
    tokenizer = checkpoint.hasTokenizer ? try checkpoint.tokenizerModel() : nil
  }

  /// What the run begins with, in a line; nil where the checkpoint has the weights.
  var introduction: String? {
    guard let record else { return nil }
    let digest = SHA256Digest(hex: record.digest).map { ", digest \($0.short)" } ?? ""
    switch source {
    case .retnet(let header, _):
      let steps = header.provenance.steps.map { " of step \(grouped($0))" } ?? ""
      let family = header.provenance.family.map { ", made from weights of \($0)" } ?? ""
      return "begins with \(path): model\(steps)\(family)\(digest)"
    case .foreign(let weights): return "begins with \(path): weights of \(weights.family.rawValue)\(digest)"
    case nil: return nil
    }
  }

  /// Refuses weights that are not finite, from which no step could be taken.
  ///
  /// - Throws: `CommandError` with status 65 that names the first.
  func checkIsFinite() throws {
    try source?.loadParameters().checkAreFinite(path)
  }

  /// Keys that say how texts begin and end, which may be another way in the texts that follow.
  private static let freeKeys: Set = ["bos", "bos_id", "eos_id"]

  /// What in a configuration is not as the weights need it.
  func objections(to model: ModelConfiguration) -> [(key: String, message: String)] {
    var model = model.resolved
    if model.vocabularySize == 0 { model.vocabularySize = configuration.vocabularySize }
    return zip(model.settings, configuration.settings).compactMap { found, own in
      guard found.value != own.value, !Self.freeKeys.contains(found.name) else { return nil }
      return (found.name, "expected \(own.value.yaml), as \(path) has it, found \(found.value.yaml)")
    }
  }

  /// Why the state of a model cannot be trained.
  ///
  /// - Parameters:
  ///   - start: What the run begins with.
  ///   - model: As it is to be trained.
  /// - Returns: A message for each.
  static func tuningProblems(_ start: StartingModel?, _ model: ModelConfiguration) -> [String] {
    guard let start else { return ["state_tuning: expected a model to begin with, given by --init-from, found none"] }
    var problems = zip(model.settings, start.configuration.settings).compactMap { found, own in
      found.value == own.value
        ? nil
        : "state_tuning: expected model.\(own.name) \(own.value.yaml), as \(start.path) has it, found \(found.value.yaml)"
    }
    if case .foreign(let weights) = start.source {
      problems = [
        "state_tuning: expected a model file, as the state is used with it, found weights of \(weights.family.rawValue); "
          + "make one with 'retnet convert'"
      ]
    }
    if model.scoreNorm != .none {
      problems.append("state_tuning: expected a model without score norm, found \(model.scoreNorm.rawValue)")
    }
    return problems
  }

  /// The tokenizer of the run: the model's own, or the one that the data name.
  ///
  /// - Parameter tokenizerPath: Of `data.tokenizer`; empty if it is left out.
  /// - Returns: With its path, or the model's.
  /// - Throws: What is wrong with it; `CommandError` if it is not the model's.
  func tokenizer(_ tokenizerPath: String) throws -> Tokenizer {
    if let tokenizer, tokenizerPath.isEmpty { return try Tokenizer(model: tokenizer, path: "\(path): tokenizer") }
    let given = try Tokenizer(path: tokenizerPath)
    if let tokenizer, tokenizer != given.model {
      throw CommandError(
        .badData,
        "\(tokenizerPath): expected the tokenizer of \(path), digest \(SHA256Digest(of: tokenizer)), found one with digest "
          + "\(SHA256Digest(of: given.model))",
        hint: "leave data.tokenizer out to use the model's own")
    }
    return given
  }
}

extension ModelSource {
  /// What a run remembers of the model that it begins with.
  fileprivate func record(path: String) throws -> InitialModel {
    switch self {
    case .retnet(let header, _):
      let digest = try header.checkDigest()
      return InitialModel(path: path, digest: digest.description, family: header.provenance.family)
    case .foreign(let model):
      var hasher = SHA256Hasher()
      for tensor in model.weights.tensors.sorted(by: { $0.name < $1.name }) {
        (Array(tensor.name.utf8) + [0]).withRawSpan { hasher.update($0) }
        try model.weights.withBytes(of: tensor.name) { hasher.update($0) }
      }
      return InitialModel(path: path, digest: hasher.finalize().description, family: model.family.rawValue)
    }
  }
}
