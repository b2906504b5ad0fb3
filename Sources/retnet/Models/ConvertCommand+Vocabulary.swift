internal import Checkpoints
internal import Files
internal import Modeling
internal import Tokenization

/// `convert` of a model that fairseq trained: its rows are those of a dictionary, not those of a tokenizer.
extension ConvertCommand {
  /// The rows of a fairseq model in the order of a tokenizer.
  struct FairseqOrder {
    let order: FairseqDictionary.Order
    let dictionary: FairseqDictionary
    /// What was assumed or changed, in a sentence.
    let note: String
  }

  /// The names of tokenizers that are looked for beside weights. Where both are, the second was made from the first.
  static let tokenizerNames = ["tokenizer.model", "tokenizer.json"]
  /// The names of dictionaries and tokenizers that are looked for beside a fairseq file.
  static let dictionaryName = "dict.txt"
  static let fairseqTokenizerName = "sentencepiece.bpe.model"

  /// Finds the order of a model's rows.
  ///
  /// - Parameters:
  ///   - source: The model.
  ///   - tokenizer: The tokenizer to store with it.
  /// - Returns: nil if the rows are the tokenizer's ids already, or there is nothing to order them by.
  /// - Throws: `CommandError` if `--dictionary` has no use; `FileError`; `TokenizerError`.
  func fairseqOrder(of source: ModelSource, _ tokenizer: Tokenizer?) throws -> FairseqOrder? {
    guard case .foreign(let model) = source, model.mayHaveFairseqIDs else {
      guard dictionary == nil else {
        throw CommandError(.badData, "--dictionary: expected weights of torchscale, found those of \(source.origin)")
      }
      return nil
    }
    guard let tokenizer else {
      guard dictionary == nil else {
        throw CommandError(.usage, "--dictionary: expected a tokenizer to order the rows by", hint: "give --tokenizer")
      }
      if model.hasFairseqIDs {
        global.say("note: the ids are those of fairseq's dictionary; with --tokenizer they become the tokenizer's")
      }
      return nil
    }
    let size = model.configuration.vocabularySize
    guard let found = try findDictionary(beside: model) else { return try usualOrder(of: model, tokenizer) }
    let order = try found.order(for: tokenizer, vocabularySize: size)
    return FairseqOrder(
      order: order, dictionary: found,
      note: "rows of embedding and head are put from the order of \(found.path) into that of the tokenizer")
  }

  /// Whether a dictionary says what the rows of a model stand for.
  func hasDictionary(beside model: ForeignModel) -> Bool {
    dictionary != nil
      || model.mayHaveFairseqIDs && FileKind(path: model.weights.path(beside: Self.dictionaryName)) != nil
  }

  /// The dictionary that was given, else the one beside the weights.
  private func findDictionary(beside model: ForeignModel) throws -> FairseqDictionary? {
    let path = dictionary ?? model.weights.path(beside: Self.dictionaryName)
    do {
      try FileRole.dictionary.check(path)
      return try FairseqDictionary(readAll(path: path, byteLimit: 1 << 28), path: path)
    } catch FileError.missing where dictionary == nil {
      return nil
    }
  }

  private func usualOrder(of model: ForeignModel, _ tokenizer: Tokenizer) throws -> FairseqOrder? {
    guard model.hasFairseqIDs else { return nil }
    let size = model.configuration.vocabularySize
    guard let usual = FairseqDictionary(usualFor: tokenizer, vocabularySize: size) else {
      throw CommandError(
        .badData,
        "\(tokenizer.path): expected a tokenizer with <unk>, <s>, </s> as its ids 0 to 2 and "
          + "\(max(0, size - 8)) to \(size - 1) pieces, as fairseq's usual dictionary has them for \(size) rows, "
          + "found \(tokenizer.vocabularySize) pieces",
        hint: "give the dict.txt that the model was trained with: --dictionary dict.txt")
    }
    return FairseqOrder(
      order: try usual.order(for: tokenizer, vocabularySize: size), dictionary: usual,
      note: "no dict.txt: the rows are taken as <s>, <pad>, </s>, <unk> and the tokenizer's pieces from id 3 on, and "
        + "put into the order of the tokenizer; --dictionary gives another order")
  }
}

extension ConvertCommand.FairseqOrder {
  /// What is said of the rows that come last; nil if every row has a piece.
  var rest: String? {
    let symbols = order.symbolsWithoutPiece
    guard !symbols.isEmpty else { return nil }
    let names = symbols.prefix(4).map { $0.isEmpty ? "one without a symbol" : $0 }.joined(separator: ", ")
    return "\(symbols.count) rows without a piece are kept behind the others, from id "
      + "\(order.rows.count - symbols.count) on: \(names)\(symbols.count > 4 ? ", …" : "")"
  }
}
