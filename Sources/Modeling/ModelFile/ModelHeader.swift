package import Checkpoints
internal import Configurations
package import Files
internal import Tensors

/// The checked header of a model file; `loadParameters` reads the weights (docs/CHECKPOINT.md).
package struct ModelHeader: Sendable {
  package let file: SafetensorsFile
  package let configuration: ModelConfiguration
  package let provenance: Provenance
  /// The digest that the writer stored; see `checkDigest`.
  package let storedDigest: SHA256Digest?

  package static let formatVersion = 1
  package static let versionKey = FileKind.modelKey
  package static let configurationKey = "retnet.model"
  package static let provenanceKey = "retnet.provenance"
  package static let digestKey = "retnet.digest"
  /// The tensor that holds the tokenizer's `.model` bytes.
  package static let tokenizerName = "tokenizer.model"

  /// Opens a model file and checks its metadata and the name, type and shape of every tensor; reads no weight.
  package init(path: String) throws {
    try FileRole.model.check(path)
    let file = try SafetensorsFile(path: path)
    let metadata = file.metadata
    guard metadata[Self.versionKey] != nil || metadata[Self.configurationKey] != nil else {
      throw FileError.unexpectedKind(path: path, expected: .model, found: FileKind(file))
    }
    try Self.checkVersion(metadata[Self.versionKey], path: path)
    guard let text = metadata[Self.configurationKey] else {
      throw ModelFileError.metadata(
        path: path, key: Self.configurationKey, expected: "a resolved model configuration", found: "none")
    }
    self.file = file
    configuration = try Self.configuration(from: text, path: path)
    provenance = try Self.provenance(from: metadata[Self.provenanceKey], path: path)
    storedDigest = try metadata[Self.digestKey].map { text in
      guard let digest = SHA256Digest(hex: text) else {
        throw ModelFileError.metadata(
          path: path, key: Self.digestKey, expected: "64 hexadecimal digits", found: "\(text.utf8.count) bytes")
      }
      return digest
    }
    try checkTensors()
  }

  private static func checkVersion(_ version: String?, path: String) throws(ModelFileError) {
    guard let version else {
      throw .metadata(path: path, key: versionKey, expected: "a version number", found: "none")
    }
    guard let number = Int(version), number >= 1, "\(number)" == version else {
      let found = "\(version.utf8.count) bytes that are none"
      throw .metadata(path: path, key: versionKey, expected: "a version number", found: found)
    }
    guard number <= formatVersion else { throw .version(path: path, supported: formatVersion, found: version) }
  }

  private static func configuration(from text: String, path: String) throws -> ModelConfiguration {
    func failure(_ found: String) -> ModelFileError {
      .metadata(path: path, key: configurationKey, expected: "a resolved model configuration", found: found)
    }
    let decoded: [String: ConfigurationValue]
    do {
      decoded = try decodedJSON([String: ConfigurationValue].self, from: text.utf8)
    } catch {
      throw failure("text that is not a flat JSON object")
    }
    // The decoder keeps only one of several members with the same name.
    guard memberCount(of: text) == decoded.count else { throw failure("a key that occurs twice") }
    var configuration = ModelConfiguration()
    let location = ConfigurationLocation(path: path)
    let settings = decoded.sorted { $0.key < $1.key }.map {
      ConfigurationSetting(name: $0.key, value: $0.value, location: location)
    }
    if let problem = configuration.apply(settings, block: "").first { throw failure(problem.description) }
    if let (key, message) = configuration.contradictions.first { throw failure("\(key): \(message)") }
    // Files written before `key_heads` existed do not contain it: each head then has its own keys and values.
    if configuration.keyHeads == 0 { configuration.keyHeads = configuration.heads }
    guard configuration == configuration.resolved, configuration.vocabularySize > 0 else {
      throw failure("sizes left open (0)")
    }
    return configuration
  }

  /// The number of members of a flat JSON object, each of which has one colon outside strings.
  private static func memberCount(of json: String) -> Int {
    var (count, isInString, isEscaped) = (0, false, false)
    for byte in json.utf8 {
      switch byte {
      case _ where isEscaped: isEscaped = false
      case UInt8(ascii: "\\"): isEscaped = isInString
      case UInt8(ascii: "\""): isInString.toggle()
      case UInt8(ascii: ":") where !isInString: count += 1
      default: break
      }
    }
    return count
  }

  private static func provenance(from text: String?, path: String) throws -> Provenance {
    guard let text else { return Provenance() }
    do {
      return try decodedJSON(Provenance.self, from: text.utf8)
    } catch {
      throw ModelFileError.metadata(path: path, key: provenanceKey, expected: "a JSON object", found: "something else")
    }
  }

  /// Checks that every weight of the configuration is there with its shape, and nothing else except the tokenizer.
  private func checkTensors() throws {
    let expected = Parameters.descriptions(configuration)
    var known: Set = [Self.tokenizerName]
    for weight in expected {
      let stored = try storage(of: weight)
      known.formUnion(stored.tensors(name: weight.name, shape: weight.shape).map(\.name))
    }
    if let tokenizer = file.description(of: Self.tokenizerName),
      tokenizer.dataType != .u8 || tokenizer.shape.count != 1
    {
      throw CheckpointError.tensor(
        path: path, name: Self.tokenizerName, expected: "U8 with one axis",
        found: "\(tokenizer.dataType.rawValue) \(tokenizer.shape)")
    }
    if let stranger = file.tensors.first(where: { !known.contains($0.name) }) {
      throw ModelFileError.unexpectedTensor(path: path, name: stranger.name)
    }
  }

  package var path: String { file.path }

  /// The coarsest quantisation of the matrices; nil if none is quantised.
  package var quantization: Quantization? {
    let scaled = file.tensors.filter { file.description(of: StoredWeight.scalesName(of: $0.name)) != nil }
    return scaled.contains { $0.dataType == .u8 } ? .q4_0 : scaled.isEmpty ? nil : .q8_0
  }

  /// Reads all weights as Float32, exactly.
  ///
  /// - Throws: `ModelFileError.digest` if the numbers do not match the stored digest.
  package func loadParameters() throws -> Parameters {
    try checkDigest()
    let parameters = Parameters(configuration)
    for weight in parameters.descriptions { try read(weight, into: parameters.tensor(weight)) }
    return parameters
  }

  /// A network whose matrices stay in the mapped file.
  package func loadNetwork() throws -> LanguageModel { LanguageModel(configuration, try mapWeights()) }

  /// The tokenizer's `.model` bytes.
  package func tokenizerModel() throws -> [UInt8] {
    guard file.description(of: Self.tokenizerName) != nil else { throw ModelFileError.noTokenizer(path: path) }
    return try file.withBytes(of: Self.tokenizerName) { [UInt8](copying: $0) }
  }

  package var hasTokenizer: Bool { file.description(of: Self.tokenizerName) != nil }

  /// SHA-256 over the configuration's text and every tensor's name and bytes, by name (docs/CHECKPOINT.md, M9).
  package func computeDigest() throws -> SHA256Digest {
    var hasher = ModelHasher(configuration: file.metadata[Self.configurationKey] ?? "")
    for tensor in file.tensors.sorted(by: { $0.name < $1.name }) {
      hasher.begin(tensor.name)
      try file.withBytes(of: tensor.name) { hasher.add($0) }
    }
    return hasher.finish()
  }
}

/// Computes the model digest piece by piece.
struct ModelHasher: ~Copyable {
  private var hasher = SHA256Hasher()

  init(configuration: String) { begin(configuration) }

  mutating func begin(_ name: String) { (Array(name.utf8) + [0]).withRawSpan { hasher.update($0) } }

  mutating func add(_ bytes: RawSpan) { hasher.update(bytes) }

  consuming func finish() -> SHA256Digest { hasher.finalize() }
}

extension NumberFormat {
  /// The format of a tensor in a file; nil if weights cannot have it.
  init?(_ dataType: DataType) {
    switch dataType {
    case .f32: self = .float32
    case .bf16: self = .bfloat16
    case .f16: self = .float16
    default: return nil
    }
  }

  var dataType: DataType {
    switch self {
    case .float32: .f32
    case .bfloat16: .bf16
    case .float16: .f16
    }
  }
}
