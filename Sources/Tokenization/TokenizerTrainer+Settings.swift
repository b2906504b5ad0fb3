extension TokenizerTrainer.Settings {
  /// Refuses what SentencePiece would refuse less clearly, or not at all.
  func validate() throws(TokenizerError) {
    try require(1...1 << 24 ~= vocabularySize, "vocabulary size", "1 to \(1 << 24)", "\(vocabularySize)")
    try require(0.98...1 ~= characterCoverage, "character coverage", "0.98 to 1", "\(characterCoverage)")
    try require(byteLimit >= 1 << 16, "training bytes", "at least \(1 << 16)", "\(byteLimit)")
    try require(
      Self.normalizations.contains(normalization), "normalization", Self.normalizations.joined(separator: "|"),
      normalization)
    for (index, symbol) in userDefinedSymbols.enumerated() {
      let isPlain = !symbol.isEmpty && symbol.utf8.count <= 512 && !symbol.utf8.contains(0)
      try require(isPlain, "user-defined symbol", "1 to 512 bytes without zero bytes", "'\(symbol)'")
      let isTaken =
        ["<unk>", "<s>", "</s>"].contains(symbol) || byteValue(ArraySlice(symbol.utf8)) != nil
        || userDefinedSymbols[..<index].contains(symbol)
      try require(!isTaken, "user-defined symbol", "a piece that does not exist yet", "'\(symbol)'")
    }
  }

  private static let normalizations = ["identity", "nfkc", "nfkc_cf", "nmt_nfkc", "nmt_nfkc_cf"]

  private func require(_ holds: Bool, _ name: String, _ expected: String, _ found: String) throws(TokenizerError) {
    guard holds else { throw .invalidSetting(name: name, expected: expected, found: found) }
  }

  /// Names and values of SentencePiece's trainer, each ending in zero.
  func options(longestSentence: Int) -> [UInt8] {
    // A comma-separated list with quotes; spaces as the vocabulary has them.
    let symbols = userDefinedSymbols.map { symbol in
      let text = symbol.map { $0 == " " ? "\u{2581}" : $0 == "\"" ? "\"\"" : String($0) }.joined()
      return "\"\(text)\""
    }
    let options: KeyValuePairs = [
      "model_type": modelType.rawValue,
      "vocab_size": "\(vocabularySize)",
      "character_coverage": "\(characterCoverage)",
      "byte_fallback": "\(hasByteFallback)",
      "user_defined_symbols": symbols.joined(separator: ","),
      "normalization_rule_name": normalization,
      "add_dummy_prefix": "false",
      "remove_extra_whitespaces": "false",
      // Without a piece of its own, a space would become the bytes of U+2581.
      "required_chars": userDefinedSymbols.contains { " \u{2581}".contains($0) } ? "" : "\u{2581}",
      "max_sentence_length": "\(longestSentence)",
      // A unigram vocabulary depends on the number of threads.
      "num_threads": "1",
      "minloglevel": "2",
    ]
    return options.flatMap { Array($0.utf8) + [0] + Array($1.utf8) + [0] }
  }

  /// What SentencePiece's message means.
  func failure(_ message: String) -> TokenizerError {
    // "Vocabulary size too high (8000). Please set it to a value <= 512."
    if message.contains("too high"), let largest = message.numbers.last {
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
