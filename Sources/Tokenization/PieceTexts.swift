internal import Glibc

/// The pieces of a vocabulary for `HuggingFaceTokenizer`, checked for what `tokenizers` cannot express.
struct PieceTexts {
  let type: ModelType
  let hasByteFallback: Bool
  let addsDummyPrefix: Bool
  private let isWhitespaceSuffix: Bool
  let stripsSpaces: Bool
  /// What the unknown piece is decoded to.
  let unknownSurface: [UInt8]
  /// The pieces as stored, with U+2581 for spaces.
  let stored: [[UInt8]]
  /// The texts that the pieces stand for, with spaces.
  let texts: [[UInt8]]
  private let kinds: [PieceKind]
  private let scores: [Float]

  init(_ description: ModelDescription) throws(TokenizerExportError) {
    type = description.modelType
    hasByteFallback = description.hasByteFallback
    addsDummyPrefix = description.addsDummyPrefix
    isWhitespaceSuffix = description.isWhitespaceSuffix
    stripsSpaces = description.removesExtraWhitespace
    unknownSurface = Array(description.unknownSurface)
    stored = description.pieces.map { Array($0.text) }
    texts = stored.map { Array(String(decoding: $0, as: UTF8.self).replacing("\u{2581}", with: " ").utf8) }
    kinds = description.pieces.map(\.kind)
    scores = description.pieces.map(\.score)
    try check(description)
  }

  func ids(_ wanted: PieceKind...) -> [Int] { kinds.indices.filter { wanted.contains(kinds[$0]) } }

  var unknown: Int { ids(.unknown)[0] }

  /// Whether all scores are multiples of 1/64; see `roundScores`.
  var hasExactScores: Bool { ids(.normal).allSatisfy { scores[$0] * 64 == (scores[$0] * 64).rounded() } }

  /// The number of characters of a piece's text.
  private func length(_ id: Int) -> Int { texts[id].count { $0 & 0xC0 != 0x80 } }

  private func failure(_ id: Int, _ field: String, _ reason: String) -> TokenizerExportError {
    TokenizerExportError(field: "pieces[\(id)].\(field)", reason: reason)
  }

  private func check(_ description: ModelDescription) throws(TokenizerExportError) {
    func refuse(_ isBad: Bool, _ field: String, _ reason: String) throws(TokenizerExportError) {
      if isBad { throw TokenizerExportError(field: field, reason: reason) }
    }
    try refuse(type == .word, "trainer_spec.model_type", "a vocabulary of words has no counterpart")
    try refuse(
      description.hasCharacterMap, "normalizer_spec.precompiled_charsmap",
      "the rules '\(description.normalization)' work on other units in tokenizers; only identity is exact")
    try refuse(!description.escapesWhitespace, "normalizer_spec.escape_whitespaces", "expected true")
    if let id = ids(.unused).first { throw failure(id, "type", "unused pieces have no counterpart") }
    for id in ids(.normal, .userDefined) where stored[id].contains(UInt8(ascii: " ")) {
      throw failure(id, "piece", "a space, which SentencePiece never matches")
    }
    for id in ids(.control, .unknown) where length(id) < 2 || texts[id] != stored[id] {
      throw failure(id, "piece", "a control piece of one character, or with a space")
    }
    try refuse(
      !ids(.normal, .userDefined).contains { texts[$0] == [UInt8(ascii: " ")] }, "pieces", "no piece for the space")
    try refuse(
      type != .unigram && !ids(.userDefined).isEmpty && (addsDummyPrefix || stripsSpaces),
      "normalizer_spec.\(addsDummyPrefix ? "add_dummy_prefix" : "remove_extra_whitespaces")",
      "user-defined pieces of a BPE vocabulary are cut out before a normalizer sees the text")
    try refuse(isWhitespaceSuffix, "trainer_spec.treat_whitespace_as_suffix", "a space is added in front of a text")
    try refuse(Set(texts).count < texts.count, "pieces", "two pieces with the same text")
  }

  /// Throws unless transformers can put a piece into a template, which it writes as `<s>:0 $A:0`.
  func checkTemplate(_ id: Int) throws(TokenizerExportError) {
    let piece = stored[id]
    guard piece.first != UInt8(ascii: "$"), !piece.contains(where: { $0 <= 0x20 || $0 == UInt8(ascii: ":") }) else {
      throw failure(id, "piece", "expected a text without space, ':' and '$' for BOS")
    }
  }
}

// MARK: - Unigram

extension PieceTexts {
  /// The model of a unigram vocabulary.
  ///
  /// Scores are summed, so a constant for each character of a piece changes no comparison. With it, the pieces that text
  /// must not produce get the lowest score of all, which `tokenizers` would read in texts that spell them (`<s>`). That
  /// score also gives the score of unknown characters there: the lowest less 10.
  func unigramModel() throws(TokenizerExportError) -> JSONTree {
    let normal = ids(.normal).map { scores[$0] }
    guard let lowest = normal.min(), let largest = normal.max() else {
      throw TokenizerExportError(field: "pieces", reason: "no ordinary pieces")
    }
    // unigram_model.cc: kUnkPenalty, and the highest score starts at FLT_MIN.
    let (penalty, highest) = (Float(10), max(Float.leastNormalMagnitude, largest))
    let shift = exp2(log2(max(32, 2 * (20 - Double(lowest)))).rounded(.up))
    let specialScore = Double(lowest - penalty) + shift + Double(penalty)
    var entries: [JSONTree] = []
    for id in texts.indices {
      var score = specialScore
      switch kinds[id] {
      case .normal: score = Double(scores[id]) + shift * Double(length(id))
      case .userDefined:
        // SentencePiece takes 0.1 off; 205/2048 has no rounding errors in sums.
        score = Double(Float(stored[id].count) * highest) - 205 / 2048 + shift * Double(length(id))
      default: break
      }
      guard score >= specialScore - 1e-5 else {
        throw failure(id, "score", "lower than the score of unknown characters allows")
      }
      entries.append(.list([.text(texts[id]), .number(max(score, specialScore))]))
    }
    return .object([
      "type": .text("Unigram"), "unk_id": .integer(unknown), "byte_fallback": .boolean(hasByteFallback),
      "vocab": .list(entries),
    ])
  }

  /// A regular expression for the first character of each special piece whose characters are all unknown; texts are cut
  /// behind it.
  ///
  /// `tokenizers` joins unknown characters and looks the result up in the vocabulary, where `<s>` would be found.
  ///
  /// - Returns: nil if no piece needs it.
  func specialCut() throws(TokenizerExportError) -> String? {
    guard type == .unigram else { return nil }
    let characters = Set(ids(.normal, .userDefined).filter { length($0) == 1 }.map { texts[$0] })
    let names = ids(.control, .unknown, .byte).map { stored[$0] }.filter { name in
      !String(decoding: name, as: UTF8.self).unicodeScalars.contains { characters.contains(Array(String($0).utf8)) }
    }
    guard let first = names.first else { return nil }
    guard hasByteFallback else {
      throw TokenizerExportError(
        field: "trainer_spec.byte_fallback",
        reason:
          "no character of '\(String(decoding: first, as: UTF8.self))' has a piece; it would be read as that piece")
    }
    for name in names {
      for id in ids(.normal, .userDefined) where crosses(texts[id], name) {
        throw failure(id, "piece", "it would be cut inside the text '\(String(decoding: name, as: UTF8.self))'")
      }
    }
    let others = names.filter { byteValue($0[...]) == nil }
    var patterns = others.map { name in
      let scalars = Array(String(decoding: name, as: UTF8.self).unicodeScalars)
      return "\(escaped(scalars.prefix(1)))(?=\(escaped(scalars.dropFirst())))"
    }
    if others.count < names.count { patterns.append("<(?=0x[0-9A-F]{2}>)") }
    return patterns.joined(separator: "|")
  }

  /// Whether a piece can lie over the border behind the first character of a name.
  private func crosses(_ piece: [UInt8], _ name: [UInt8]) -> Bool {
    let head = name.prefix(1) + name.dropFirst().prefix { $0 & 0xC0 == 0x80 }
    let tail = name.dropFirst(head.count)
    for border in piece.indices.dropFirst() where piece[..<border].reversed().starts(with: head.reversed()) {
      let rest = piece[border...]
      if rest.starts(with: tail) || tail.starts(with: rest) { return true }
    }
    return false
  }
}

/// A regular expression for a text.
func escaped(_ scalars: some Sequence<Unicode.Scalar>) -> String {
  scalars.map { "()[]{}?*+-|^$\\.&~# \t\n\r".unicodeScalars.contains($0) ? "\\\($0)" : String($0) }.joined()
}

// MARK: - BPE

extension PieceTexts {
  /// The model of a BPE vocabulary, and that of single characters as BPE without merges.
  func pairModel() throws(TokenizerExportError) -> JSONTree {
    .object([
      "type": .text("BPE"), "dropout": .null, "unk_token": .text(stored[unknown]),
      "continuing_subword_prefix": .null, "end_of_word_suffix": .null, "fuse_unk": .boolean(true),
      "byte_fallback": .boolean(hasByteFallback), "ignore_merges": .boolean(false),
      "vocab": .object(texts.enumerated().map { (key: $0.element, value: .integer($0.offset)) }),
      "merges": .list(type == .bpe ? try merges() : []),
    ])
  }

  /// All ways to make a piece from two pieces, the best score first, as in SentencePiece's agenda.
  ///
  /// SentencePiece merges any two neighbours whose text together is a piece. So every split of a piece is a merge.
  private func merges() throws(TokenizerExportError) -> [JSONTree] {
    let parts = Set(ids(.normal).map { texts[$0][...] })
    let symbols = Set(ids(.userDefined).map { texts[$0][...] })
    var ranked: [(score: Float, text: [UInt8], splits: [Int])] = []
    var owners: [Float: Int] = [:]
    for id in ids(.normal) where length(id) > 1 {
      let text = texts[id]
      let borders = text.indices.filter { text[$0] & 0xC0 != 0x80 } + [text.count]
      for (start, end) in zip(borders, borders.dropFirst()) {
        let character = text[start..<end]
        guard parts.contains(character) || symbols.contains(character) else {
          throw failure(
            id, "piece", "the character '\(String(decoding: character, as: UTF8.self))' has no piece of its own")
        }
      }
      let splits = borders.dropFirst().dropLast().filter { parts.contains(text[..<$0]) && parts.contains(text[$0...]) }
      guard !splits.isEmpty else { continue }
      if let other = owners.updateValue(id, forKey: scores[id]) {
        throw failure(id, "score", "the same as that of pieces[\(other)]; then the left pair is merged first")
      }
      ranked.append((scores[id], text, splits))
    }
    ranked.sort { $0.score > $1.score }
    return ranked.flatMap { _, text, splits in
      splits.reversed().map { JSONTree.list([.text(Array(text[..<$0])), .text(Array(text[$0...]))]) }
    }
  }
}
