internal import Corpora
internal import Files
internal import FoundationEssentials
internal import Inference
internal import Modeling
internal import Retention
internal import Tensors
internal import Tokenization

/// Runs `verify` and `convert --verify`, which compare all forms of retention on the same tokens.
struct FormVerification {
  /// The path of the model file.
  let model: String
  /// The text or token file to read; nil: a built-in text.
  var file: String?
  /// The maximum number of tokens to read.
  var length = FormVerification.defaultLength
  /// The chunk lengths; nil: the default ones.
  var chunkLengths: [Int]?
  var tolerance = FormTolerance.float32

  static let defaultLength = 500
  /// The seed of the points where sequences are cut, and of random ids if there is no tokenizer.
  private static let seed: UInt64 = 0

  init(model: String) { self.model = model }

  /// - Throws: Errors of reading the model or the text, of fitting them together, or of saving a state.
  func run(_ global: GlobalOptions) throws -> VerifyReport {
    let header = try ModelHeader(path: model)
    // In Float32, whatever the file's format: the forms are compared, not the rounding of bfloat16 or eight bits.
    let network = LanguageModel(header.configuration, try header.loadParameters())
    try network.parameters.checkAreFinite(model)
    let pool = try global.makePool()
    let (ids, source) = try tokens(header)
    let note = network.configuration.scoreNormNote("the others leave it out and are compared with the recurrent form")
    if let note { global.say(note) }
    let start = ContinuousClock.now
    let pairs = formPairs(
      scoreNorm: network.configuration.scoreNorm, savesStates: network.configuration.hasFixedStates,
      length: ids.count,
      chunkLengths: chunkLengths ?? [1, 7, 64, 100, ids.count], seed: Self.seed)
    let runner = FormRunner(
      network, ids: ids, temporaryFolder: FileManager.default.temporaryDirectory.path, on: pool)
    var progress = ProgressLine("verify", unit: "pairs", total: pairs.count, style: global.progressStyle)
    var done = 0
    let comparisons = try compareForms(pairs, record: runner.record) { _ in
      done += 1
      progress.update(done: done)
    }
    progress.leaveLine()
    return VerifyReport(
      header: header, source: source, tokens: ids.count, comparisons: comparisons, tolerance: tolerance,
      seconds: (ContinuousClock.now - start).inSeconds)
  }

  /// The ids to read, with BOS first if the model's sequences start with it, and a description of their source.
  private func tokens(_ header: ModelHeader) throws -> (ids: [Int32], source: String) {
    let bos = header.configuration.startingBOS
    var ids = bos.map { [$0] } ?? []
    if let file, !header.hasTokenizer {
      throw CommandError(
        .badData, "\(model): --file \(file): the model has no tokenizer",
        hint: "leave out --file to read random ids, or: retnet convert \(model) --tokenizer tokenizer.model -o …")
    }
    let tokenizer = header.hasTokenizer ? try self.tokenizer(header) : nil
    if let file, let tokenizer {
      ids += try TextInput(path: file).firstIDs(length - ids.count, of: header, tokenizer)
      guard ids.count >= 2 else {
        throw CommandError(.badData, "\(file): expected at least 2 tokens, found \(ids.count)")
      }
      return (ids, StreamPath.inputName(file))
    }
    return try Self.builtInIDs(length, header.configuration, tokenizer)
  }

  /// Ids of a built-in text, or random ids without a tokenizer, with BOS first if the model's sequences start with it.
  ///
  /// - Parameters:
  ///   - length: The number of ids.
  ///   - model: The configuration of the model.
  ///   - tokenizer: The tokenizer of the model, if it has one.
  /// - Returns: The ids and a description of their source.
  /// - Throws: `TokenizerError`.
  static func builtInIDs(
    _ length: Int, _ model: ModelConfiguration, _ tokenizer: Tokenizer?
  ) throws -> (ids: [Int32], source: String) {
    var ids = model.startingBOS.map { [$0] } ?? []
    if let text = try tokenizer?.encode(Array(Self.text.utf8)), !text.isEmpty {
      while ids.count < length { ids += text.prefix(length - ids.count) }
      return (ids, "a built-in text")
    }
    var random = RandomSource(seed: Self.seed)
    while ids.count < length { ids.append(Int32.random(in: 0..<Int32(model.vocabularySize), using: &random)) }
    return (ids, "random ids")
  }

  private func tokenizer(_ header: ModelHeader) throws -> Tokenizer {
    let tokenizer = try Tokenizer(model: header.tokenizerModel(), path: "\(model): tokenizer")
    try checkVocabulary(of: header.configuration, tokenizer)
    return tokenizer
  }

  /// The opening of A Tale of Two Cities (Charles Dickens, 1859), repeated if it is too short.
  private static let text = """
    It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness, it was \
    the epoch of belief, it was the epoch of incredulity, it was the season of Light, it was the season of Darkness, it \
    was the spring of hope, it was the winter of despair, we had everything before us, we had nothing before us, we were \
    all going direct to Heaven, we were all going direct the other way – in short, the period was so far like the present \
    period, that some of its noisiest authorities insisted on its being received, for good or for evil, in the \
    superlative degree of comparison only.

    There were a king with a large jaw and a queen with a plain face, on the throne of England; there were a king with a \
    large jaw and a queen with a fair face, on the throne of France. In both countries it was clearer than crystal to the \
    lords of the State preserves of loaves and fishes, that things in general were settled for ever.

    It was the year of Our Lord one thousand seven hundred and seventy-five. Spiritual revelations were conceded to \
    England at that favoured period, as at this. Mrs. Southcott had recently attained her five-and-twentieth blessed \
    birthday, of whom a prophetic private in the Life Guards had heralded the sublime appearance by announcing that \
    arrangements were made for the swallowing up of London and Westminster.

    """
}

extension TextInput {
  /// The first ids, of one document after the other.
  ///
  /// - Throws: The errors of `forEachPart`.
  fileprivate func firstIDs(_ count: Int, of model: ModelHeader, _ tokenizer: Tokenizer) throws -> [Int32] {
    struct Enough: Error {}
    var ids: [Int32] = []
    do {
      try forEachPart(of: model, tokenizer, rule: .file, eosID: nil) { part in
        switch part {
        case .ids(let more), .masked(let more, _): ids += more.prefix(count - ids.count)
        case .start, .end: break
        }
        if ids.count == count { throw Enough() }
      }
    } catch is Enough {}
    return ids
  }
}
