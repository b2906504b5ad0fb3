internal import Checkpoints
internal import Configurations
internal import Corpora
internal import Files
internal import Modeling
internal import Retention
internal import Tensors
internal import Tokenization
internal import Training

/// The model that a run starts from, given by `--init-from` or known from a checkpoint.
struct StartingModel {
  /// The path, for messages.
  let path: String
  let configuration: ModelConfiguration
  /// The serialized tokenizer of the model; nil if it has none.
  let tokenizer: [UInt8]?
  /// Where its weights are; nil if they come from the run's checkpoint.
  let source: ModelSource?
  /// What the run records about it; nil if the checkpoint has the record.
  let record: InitialModel?
  /// How its conversations were written, if it was trained on such.
  let chatTemplate: ChatTemplate?

  /// Opens a model to start from.
  ///
  /// - Parameter path: A model file, or weights of another program.
  /// - Throws: The errors of reading it; `CommandError` for a quantised model.
  init(path: String) throws {
    let source = try ModelSource(path: path)
    if case .retnet(let header, _) = source, let quantization = header.quantization {
      throw CommandError(
        .badData,
        "\(path): expected a model with weights in f32, bf16 or f16 to start from, found \(quantization.rawValue)",
        hint: "start from the model that it was quantised from")
    }
    self.path = path
    self.source = source
    configuration = source.configuration
    tokenizer = try source.tokenizerModel()
    record = try source.record(path: path)
    chatTemplate = try source.provenance().checkedChatTemplate(path)
  }

  /// The starting model recorded in a checkpoint, if its run started from a model.
  init?(_ checkpoint: ModelHeader) throws {
    guard checkpoint.provenance.parent != nil else { return nil }
    (path, configuration, source, record) = (checkpoint.path, checkpoint.configuration, nil, nil)
    tokenizer = checkpoint.hasTokenizer ? try checkpoint.tokenizerModel() : nil
    chatTemplate = try checkpoint.provenance.checkedChatTemplate(checkpoint.path)
  }

  /// A line that says what the run starts from; nil if the weights come from the checkpoint.
  var introduction: String? {
    guard let record else { return nil }
    let digest = SHA256Digest(hex: record.digest).map { ", digest \($0.short)" } ?? ""
    switch source {
    case .retnet(let header, _):
      let steps = header.provenance.steps.map { " of step \(grouped($0))" } ?? ""
      let family = header.provenance.family.map { ", made from weights of \($0)" } ?? ""
      return "starting from \(path): model\(steps)\(family)\(digest)"
    case .foreign(let weights): return "starting from \(path): weights of \(weights.family.name)\(digest)"
    case nil: return nil
    }
  }

  /// Throws if a weight is not finite, because no training step could be taken.
  ///
  /// - Throws: `CommandError` with status 65 that names the first such weight.
  func checkIsFinite() throws {
    try source?.loadParameters().checkAreFinite(path)
  }

  /// Keys of document starts and ends, which may differ in the new training text.
  private static let freeKeys: Set = ["bos", "bos_id", "eos_id"]

  /// The settings of a configuration that conflict with the weights.
  func objections(to model: ModelConfiguration) -> [(key: String, message: String)] {
    var model = model.resolved
    if model.vocabularySize == 0 { model.vocabularySize = configuration.vocabularySize }
    return zip(model.settings, configuration.settings).compactMap { found, own in
      guard found.value != own.value, !Self.freeKeys.contains(found.name) else { return nil }
      return (found.name, "expected \(own.value.yaml), as \(path) has it, found \(found.value.yaml)")
    }
  }

  /// The reasons why the initial state of a model cannot be trained.
  ///
  /// - Parameters:
  ///   - start: The model that the run starts from.
  ///   - model: The configuration to train.
  /// - Returns: A message for each reason.
  static func tuningProblems(_ start: StartingModel?, _ model: ModelConfiguration) -> [String] {
    guard let start else { return ["state_tuning: expected a model to start from, given by --init-from, found none"] }
    var problems = zip(model.settings, start.configuration.settings).compactMap { found, own in
      found.value == own.value
        ? nil
        : "state_tuning: expected model.\(own.name) \(own.value.yaml), as \(start.path) has it, found \(found.value.yaml)"
    }
    if case .foreign(let weights) = start.source {
      problems = [
        "state_tuning: expected a model file, as the state is used with it, found weights of \(weights.family.name); "
          + "make one with 'retnet convert'"
      ]
    }
    if !model.isRetentionOnly {
      problems.append(
        "state_tuning: expected layers of retention alone, found \(model.typeNames)")
    }
    if model.scoreNorm != .none {
      problems.append("state_tuning: expected a model without score norm, found \(model.scoreNorm.rawValue)")
    }
    if model.xposScaleBase != nil { problems.append("state_tuning: expected a model without xPos, found one with it") }
    return problems
  }

  /// The tokenizer of the run: the model's own, or the one given in the block `data`.
  ///
  /// - Parameter tokenizerPath: The value of `data.tokenizer`; empty if it is left out.
  /// - Returns: The tokenizer.
  /// - Throws: The errors of reading it; `CommandError` if it is not the model's.
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
  /// The record that a run keeps of the model that it starts from.
  fileprivate func record(path: String) throws -> InitialModel {
    switch self {
    case .retnet(let header, _):
      let digest = try header.checkDigest()
      return InitialModel(path: path, digest: digest.description, family: header.provenance.family)
    case .foreign(let model):
      return InitialModel(path: path, digest: try model.computeDigest().description, family: model.family.name)
    }
  }
}
