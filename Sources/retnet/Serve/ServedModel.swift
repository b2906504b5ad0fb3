internal import Corpora
internal import Files
internal import Inference
internal import Modeling
internal import Serving
internal import Tensors
internal import Tokenization

/// What the threads that handle requests know of the model. It never changes.
struct ServedModel: Sendable {
  /// The id in the API.
  let name: String
  /// Tells models with the same name apart: the first digits of the digest.
  let fingerprint: String
  /// Seconds since 1970.
  let created: Int
  let configuration: ModelConfiguration
  let tokenizer: Tokenizer?
  let template: ChatTemplate?
  let chunkLength: Int
  /// The text of each id in lists of tokens; no two are equal.
  let tokenTexts: [String]
  let parameterCount: Int

  init(_ model: LoadedModel, name: String, chunkLength: Int, created: Int) throws {
    self.name = name
    self.chunkLength = chunkLength
    self.created = created
    fingerprint = "rn_" + (try model.digest().description.prefix(12))
    configuration = model.header.configuration
    tokenizer = model.tokenizer
    template = model.tokenizer == nil ? nil : try model.header.provenance.checkedChatTemplate(model.header.path)
    tokenTexts = Self.texts(model.tokenizer, configuration.vocabularySize)
    parameterCount = Parameters.descriptions(configuration).reduce(0) { $0 + $1.shape.count }
  }

  /// BOS, if sequences start with it.
  var bosID: Int32? { configuration.startingBOS }
  var eosID: Int32? { configuration.eosID.map(Int32.init) }
  /// Bytes of the state of a text, if it does not grow.
  var stateByteCount: Int? {
    configuration.hasFixedStates ? Int(ModelState.byteCount(configuration, batch: 1)) : nil
  }

  /// What each token stands for, or its name in the vocabulary where that is no whole text or not the only one.
  private static func texts(_ tokenizer: Tokenizer?, _ count: Int) -> [String] {
    guard let tokenizer else { return (0..<count).map { "\($0)" } }
    var texts = (0..<count).map { "<\($0)>" }
    var taken: Set<String> = []
    // Bytes come last: most are spelled by another piece too.
    let ids = (0..<Int32(tokenizer.vocabularySize))
    for id in ids.filter({ tokenizer.kind(of: $0) != .byte }) + ids.filter({ tokenizer.kind(of: $0) == .byte }) {
      let surface = String(validating: tokenizer.bytes(of: id), as: UTF8.self) ?? ""
      let piece = tokenizer.kind(of: id) == .normal ? tokenizer.hexadecimal(id) : tokenizer.piece(of: id)
      for text in [surface, piece] where !text.isEmpty && taken.insert(text).inserted {
        texts[Int(id)] = text
        break
      }
    }
    return texts
  }

  /// The tokenizer, for what needs text.
  ///
  /// - Throws: An error with status 400 if there is none.
  func textTokenizer(for field: String) throws(ErrorBody) -> Tokenizer {
    guard let tokenizer else {
      throw ErrorBody(
        status: 400, message: "\(field): expected ids, as the model has no tokenizer, found text", parameter: field)
    }
    return tokenizer
  }

  /// The ids of a text.
  func ids(_ text: String, place: TextPlace = .textStart, field: String) throws(ErrorBody) -> [Int32] {
    let tokenizer = try textTokenizer(for: field)
    do {
      var encoder = TextEncoder(tokenizer, invalid: .refuse, source: field, place: place)
      var ids: [Int32] = []
      try encoder.append(Array(text.utf8).span, to: &ids)
      try encoder.finish(to: &ids)
      return ids
    } catch {
      throw ErrorBody(status: 400, message: "\(error)", parameter: field)
    }
  }

  /// The text of ids; without a tokenizer the ids, separated by spaces.
  func text(_ ids: some Collection<Int32>) -> String {
    guard let tokenizer else { return ids.map { "\($0)" }.joined(separator: " ") }
    let known = ids.filter { $0 < tokenizer.vocabularySize }
    return String(decoding: (try? tokenizer.decode(Array(known))) ?? [], as: UTF8.self)
  }
}

extension Tokenizer {
  /// The bytes of a token that is not whole characters: `<0xE2><0x80>`.
  fileprivate func hexadecimal(_ id: Int32) -> String {
    bytes(of: id).map { byte in
      let digits = String(byte, radix: 16, uppercase: true)
      return "<0x\(digits.count == 1 ? "0" : "")\(digits)>"
    }.joined()
  }
}
