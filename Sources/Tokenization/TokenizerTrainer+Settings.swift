/// Checks the settings of a tokenizer training and passes them to SentencePiece.
extension TokenizerTrainer.Settings {
  /// Checks the settings, including those that SentencePiece would refuse less clearly, or not at all.
  func validate() throws(TokenizerError) {
    try require(1...1 << 24 ~= vocabularySize, "--vocab-size", "1 to \(1 << 24)", "\(vocabularySize)")
    try require(0.98...1 ~= characterCoverage, "--character-coverage", "0.98 to 1", "\(characterCoverage)")
    try require(
      Self.normalizations.contains(normalization), "--normalization", Self.normalizations.joined(separator: "|"),
      normalization)
    // The suffix array of the unigram trainer has 32-bit indices, and normalisation makes up to six characters from a
    // byte.
    let most = modelType != .unigram ? Int.max : normalization == "identity" ? 1 << 30 : 1 << 28
    let range = most == .max ? "at least \(1 << 16)" : "\(1 << 16) to \(most)"
    try require(1 << 16...most ~= byteLimit, "--max-bytes", range, "\(byteLimit)")
    try validateSymbols()
  }

  private func validateSymbols() throws(TokenizerError) {
    let name = "--user-defined-symbols"
    for (index, symbol) in userDefinedSymbols.enumerated() {
      let isPlain = !symbol.isEmpty && symbol.utf8.count <= 512 && !symbol.utf8.contains(0)
      try require(isPlain, name, "1 to 512 bytes without zero bytes", "'\(symbol)'")
      let isTaken = Self.controlPieces.contains(symbol) || byteValue(ArraySlice(symbol.utf8)) != nil
      try require(
        !isTaken && !userDefinedSymbols[..<index].contains(symbol), name, "a piece that does not exist yet",
        "'\(symbol)'")
      // Text is split after newlines, and U+2581 in it becomes three bytes.
      let shown = symbol.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).joined(separator: "\\n")
      try require(
        !symbol.utf8.dropLast().contains(UInt8(ascii: "\n")), name, "a newline at the end of a symbol only",
        "'\(shown)', which never matches, as text is split after newlines")
      try require(
        !symbol.unicodeScalars.contains("\u{2581}"), name, "symbols without U+2581 (a space is written as a space)",
        "'\(symbol)'")
    }
    let pieces = (userDefinedSymbols + Self.controlPieces).map { ArraySlice($0.utf8) }
    try require(
      nestingDepth(of: pieces) <= ModelDescription.userDefinedMatchLimit, name,
      "at most \(ModelDescription.userDefinedMatchLimit) symbols that are prefixes of each other", "more")
  }

  private static let controlPieces = ["<unk>", "<s>", "</s>"]
  private static let normalizations = ["identity", "nfkc", "nfkc_cf", "nmt_nfkc", "nmt_nfkc_cf"]

  private func require(_ holds: Bool, _ name: String, _ expected: String, _ found: String) throws(TokenizerError) {
    guard holds else { throw .invalidSetting(name: name, expected: expected, found: found) }
  }

  /// The number of pieces that exist for any text: the unknown piece, control pieces, byte pieces and symbols.
  var specialCount: Int { Self.controlPieces.count + (hasByteFallback ? 256 : 0) + userDefinedSymbols.count }

  /// The vocabulary size that is requested from SentencePiece.
  private var trainedSize: Int {
    switch modelType {
    // With a smaller size it leaves characters out; it makes no more pieces than there are characters.
    case .char: specialCount + 0x11_0000
    // With a smaller size it does not report how many are needed.
    case .unigram, .bpe: max(vocabularySize, specialCount)
    case .word: vocabularySize
    }
  }

  /// Names and values for SentencePiece's trainer, each ending in zero.
  func options(longestSentence: Int) -> [UInt8] {
    // A comma-separated list with quotes; spaces are written as in the vocabulary.
    let symbols = userDefinedSymbols.map { symbol in
      let text = symbol.unicodeScalars.map { $0 == " " ? "\u{2581}" : $0 == "\"" ? "\"\"" : String($0) }.joined()
      return "\"\(text)\""
    }
    let options: KeyValuePairs = [
      "model_type": modelType.rawValue,
      "vocab_size": "\(trainedSize)",
      "character_coverage": "\(characterCoverage)",
      "byte_fallback": "\(hasByteFallback)",
      "user_defined_symbols": symbols.joined(separator: ","),
      "normalization_rule_name": normalization,
      "add_dummy_prefix": "false",
      "remove_extra_whitespaces": "false",
      // Without a piece of its own, a space would become the bytes of U+2581.
      "required_chars": userDefinedSymbols.contains(" ") ? "" : "\u{2581}",
      // The trainer accepts no limit below ten.
      "max_sentence_length": "\(max(10, longestSentence))",
      // A unigram vocabulary depends on the number of threads.
      "num_threads": "1",
      "minloglevel": "2",
    ]
    return options.flatMap { Array($0.utf8) + [0] + Array($1.utf8) + [0] }
  }

  /// Checks that a trained model has what was requested.
  func check(_ model: [UInt8]) throws(TokenizerError) {
    let tokenizer = try Tokenizer(model: model, path: "the trained model")
    let size = tokenizer.vocabularySize
    if size < vocabularySize { throw .vocabularyTooLarge(requested: vocabularySize, largest: size) }
    if size > vocabularySize { throw .vocabularyTooSmall(requested: vocabularySize, smallest: size) }
    for symbol in userDefinedSymbols {
      let ids = try tokenizer.encode(Array(symbol.utf8))
      try require(
        ids.count == 1 && tokenizer.kind(of: ids[0]) == .userDefined, "--user-defined-symbols",
        "symbols that text can match with --model-type \(modelType.rawValue) --normalization \(normalization)",
        "'\(symbol)', which these settings change or split")
    }
  }

  /// Converts SentencePiece's message to an error.
  func failure(_ message: String) -> TokenizerError {
    // "Vocabulary size too high (8000). Please set it to a value <= 512."
    if message.contains("too high"), let largest = message.numbers.last {
      if largest <= specialCount { return .noTrainingText }
      return .vocabularyTooLarge(requested: vocabularySize, largest: largest)
    }
    // "Vocabulary size is smaller than required_chars. 100 vs 320. Increase vocab_size or …"
    if message.contains("smaller than required_chars"), let smallest = message.numbers.last {
      return .vocabularyTooSmall(requested: vocabularySize, smallest: smallest)
    }
    return .trainingFailed(reason: message)
  }
}

extension String {
  fileprivate var numbers: [Int] { split { !$0.isASCII || !$0.isNumber }.compactMap { Int($0) } }
}
