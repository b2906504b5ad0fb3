internal import ArgumentParser
internal import Checkpoints
internal import Files
internal import Modeling
internal import Retention
internal import Tensors

/// A model to convert, either one of our own files or weights of another program.
enum ModelSource {
  case retnet(ModelHeader, ModelConfiguration)
  case foreign(ForeignModel)

  /// Opens and checks a model of any kind.
  ///
  /// - Parameters:
  ///   - path: A file or a folder.
  ///   - scoreNorm: The divisor of the scores; nil: that of the model or its family.
  ///   - headCount: The number of heads, for foreign weights that do not state it.
  ///   - configurationPath: The configuration of foreign weights; nil: the one next to them.
  ///   - tables: Names of embedding and head in foreign weights; nil: those of the family.
  /// - Throws: The errors of the module that reads it; `CommandError` if the model has another number of heads.
  init(
    path: String, scoreNorm: ScoreNorm? = nil, headCount: Int? = nil, configurationPath: String? = nil,
    tables: TableNames = TableNames()
  ) throws {
    let weights = try WeightsFile(path: path)
    let keys = [ModelHeader.versionKey, ModelHeader.configurationKey]
    guard keys.contains(where: { weights.metadata[$0] != nil }) else {
      let kind = FileKind(weights)
      guard kind != .state, kind != .trainingState else {
        throw FileError.unexpectedKind(path: weights.path, expected: .weights, found: kind)
      }
      self = .foreign(
        try ForeignModel(
          weights, scoreNorm: scoreNorm, headCount: headCount, configurationPath: configurationPath, tables: tables))
      return
    }
    if configurationPath != nil {
      throw CommandError(.usage, "--config: expected foreign weights, found a model, which has its own configuration")
    }
    if tables.embedding != nil || tables.head != nil {
      throw CommandError(
        .usage, "--embedding-name, --head-name: expected foreign weights, found a model, which has names of its own")
    }
    let header = try ModelHeader(path: weights.path)
    if let headCount, headCount != header.configuration.heads {
      throw CommandError(
        .usage, "--num-heads: expected \(header.configuration.heads), as the model has it, found \(headCount)")
    }
    var configuration = header.configuration
    if let scoreNorm { configuration.scoreNorm = scoreNorm }
    self = .retnet(header, configuration)
  }

  /// Where it comes from, as `--from` names it.
  var origin: String {
    switch self {
    case .retnet: WeightsOrigin.retnet
    case .foreign(let model): model.family.name
    }
  }

  /// The files that the model is read from, and those next to them that may be read.
  var filePaths: [String] {
    switch self {
    case .retnet(let header, _): [header.path]
    case .foreign(let model):
      model.weights.filePaths
        + (["config.json"] + ConvertCommand.tokenizerNames
        + [ConvertCommand.dictionaryName, ConvertCommand.fairseqTokenizerName])
        .map(model.weights.path(beside:))
    }
  }

  /// The same with embedding and head in the order of a tokenizer; see `ForeignModel.reorderVocabulary`.
  func reordered(_ rows: [Int]) -> ModelSource {
    guard case .foreign(var model) = self else { preconditionFailure("a model file has its tokenizer's order") }
    model.reorderVocabulary(rows)
    return .foreign(model)
  }

  var configuration: ModelConfiguration {
    switch self {
    case .retnet(_, let configuration): configuration
    case .foreign(let model): model.configuration
    }
  }

  /// The format in which the files store each matrix.
  var matrixStorage: MatrixStorage {
    get throws {
      switch self {
      case .retnet(let header, _): try header.matrixStorage
      case .foreign(let model): model.matrixStorage
      }
    }
  }

  /// Messages about foreign weights: the family, and the assumptions made.
  var remarks: [String] {
    guard case .foreign(let model) = self else { return [] }
    let norm = "score norm \(model.configuration.scoreNorm.word)"
    return ["\(model.weights.path): weights of \(model.family.name), \(norm)"] + model.remarks.map { "note: \($0)" }
  }

  /// The weights, read one at a time.
  var reader: WeightReader {
    switch self {
    case .retnet(let header, let configuration):
      let weights = header.reader
      return WeightReader(configuration) { try weights.tensor($0) }
    case .foreign(let model): return model.reader
    }
  }

  /// Reads all weights; those of a model file must have the digest that it stores.
  func loadParameters() throws -> Parameters {
    try checkDigest()
    return try reader.loadParameters()
  }

  /// Compares a model file with the digest that it stores.
  func checkDigest() throws {
    if case .retnet(let header, _) = self { try header.checkDigest() }
  }

  /// The format in which the files store each weight; Float32 for quantised ones.
  func formats() throws -> [String: NumberFormat] {
    switch self {
    case .retnet(let header, _):
      // Blocks of eight or four bits, and the 16-bit matrices beside them, come out as numbers of 32 bits.
      let storage = header.quantization == nil ? try header.matrixStorage : .numbers(.float32)
      return Dictionary(
        uniqueKeysWithValues: Parameters.descriptions(header.configuration).map { weight in
          if case .numbers(let format) = storage.storage(of: weight) {
            (weight.name, format)
          } else {
            (weight.name, .float32)
          }
        })
    case .foreign(let model): return model.formats
    }
  }

  /// The bytes of the tokenizer in the file; nil if there is none.
  func tokenizerModel() throws -> [UInt8]? {
    guard case .retnet(let header, _) = self, header.hasTokenizer else { return nil }
    return try header.tokenizerModel()
  }

  func provenance() throws -> Provenance {
    switch self {
    case .retnet(let header, _):
      var provenance = header.provenance
      provenance.isOfStop = nil
      provenance.parent = try (header.storedDigest ?? header.computeDigest()).description
      return provenance
    case .foreign(let model): return Provenance(family: model.family.name)
    }
  }
}

extension ForeignModel {
  /// The digest of foreign weights: SHA-256 over each tensor, by name: name, a zero byte, data (docs/CHECKPOINT.md, T5).
  func computeDigest() throws -> SHA256Digest {
    var hasher = SHA256Hasher()
    for tensor in weights.tensors.sorted(by: { $0.name < $1.name }) {
      (Array(tensor.name.utf8) + [0]).withRawSpan { hasher.update($0) }
      try weights.withBytes(of: tensor.name) { hasher.update($0) }
    }
    return hasher.finalize()
  }
}

/// Where weights come from, as `--from` names it: `auto`, `retnet` or a family.
struct WeightsOrigin: ExpressibleByArgument, Equatable {
  let name: String

  static let auto = "auto"
  static let retnet = "retnet"
  static var allValueStrings: [String] { [auto, retnet] + ForeignFamily.all.map(\.name) }
  static var defaultCompletionKind: CompletionKind { .list(allValueStrings) }

  init?(argument: String) {
    guard Self.allValueStrings.contains(argument) else { return nil }
    name = argument
  }
}
