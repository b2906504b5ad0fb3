import TestSupport
import Tokenization

/// Lines of invented words with punctuation; common words are frequent.
func sampleText(lineCount: Int, seed: UInt64 = 1) -> [UInt8] {
  var random = SeededGenerator(seed: seed)
  let syllables = ["ka", "lo", "min", "ter", "su", "ra", "ven", "dor", "pi", "gal", "the", "ing", "est", "ou", "né"]
  let words = (0..<400).map { _ in
    (0..<Int.random(in: 1...4, using: &random)).map { _ in syllables.randomElement(using: &random) ?? "" }.joined()
  }
  let lines = (0..<lineCount).map { _ in
    let line = (0..<Int.random(in: 3...14, using: &random)).map { _ in
      words[Int.random(in: 0..<Int.random(in: 1...400, using: &random), using: &random)]
    }
    return line.joined(separator: " ") + (Bool.random(using: &random) ? ".\n" : ", and so\n")
  }
  return Array(lines.joined().utf8)
}

/// Text that tokenizers get wrong: every plane, combining marks, emoji, the space symbol, line ends, zero bytes.
func randomText(using random: inout SeededGenerator) -> String {
  let treats = [
    " ", "  ", "\n", "\r\n", "\t", "\0", "\u{2581}", "\u{2581}\u{2581}", "\u{2585}", "e\u{301}", "👩‍👩‍👧", "🇩🇪", "\u{FEFF}",
    "\u{FFFD}", "<s>", "</s>", "<unk>", "<0x0A>", "\u{2582}", "\u{3000}", "\u{A0}", "ﷺ", "the", "ing ", " ⁇ ",
  ]
  return (0..<Int.random(in: 0...40, using: &random)).map { _ in
    switch Int.random(in: 0..<4, using: &random) {
    case 0: treats.randomElement(using: &random) ?? ""
    case 1: String(Unicode.Scalar(UInt32.random(in: 0...0x10_FFFF, using: &random)) ?? "\u{E9}")
    case 2: String(Unicode.Scalar(UInt32.random(in: 0x20...0x2FF, using: &random)) ?? "\u{E9}")
    default: String(Unicode.Scalar(UInt8.random(in: 0x20...0x7E, using: &random)))
    }
  }.joined()
}

/// A serialized model trained on `sampleText`; a char vocabulary gets the only size that the text allows.
func trainedModel(
  _ type: ModelType, vocabularySize: Int = 600, normalization: String = "identity", byteFallback: Bool = true,
  symbols: [String] = [], text: [UInt8] = sampleText(lineCount: 400)
) throws(TokenizerError) -> [UInt8] {
  var settings = TokenizerTrainer.Settings(vocabularySize: vocabularySize)
  settings.modelType = type
  settings.normalization = normalization
  settings.hasByteFallback = byteFallback
  settings.userDefinedSymbols = symbols
  func train() throws(TokenizerError) -> [UInt8] {
    var trainer = try TokenizerTrainer(settings)
    try trainer.append(text.span, source: "sample")
    return try trainer.train()
  }
  do {
    return try train()
  } catch .vocabularyTooLarge(_, let size) where type == .char {
    settings.vocabularySize = size
  } catch .vocabularyTooSmall(_, let size) where type == .char {
    settings.vocabularySize = size
  }
  return try train()
}

extension Tokenizer {
  convenience init(trained type: ModelType, vocabularySize: Int = 600, symbols: [String] = []) throws {
    try self.init(
      model: trainedModel(type, vocabularySize: vocabularySize, symbols: symbols), path: "\(type.rawValue).model")
  }

  func pieces(_ text: String) throws -> [String] { try encode(Array(text.utf8)).map(piece(of:)) }
}

/// Protocol buffer bytes that, behind a model, switch its dummy prefix and the removal of extra whitespace.
func normalizerFlags(dummyPrefix: Bool, removesWhitespace: Bool) -> [UInt8] {
  [0x1A, 4, 0x18, dummyPrefix ? 1 : 0, 0x20, removesWhitespace ? 1 : 0]
}
