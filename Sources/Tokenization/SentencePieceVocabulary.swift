/// What encodes text with SentencePiece.
struct SentencePieceVocabulary: Sendable {
  let modelType: ModelType
  /// Whether text that no piece covers becomes byte pieces.
  let hasByteFallback: Bool
  /// The name of the normalisation rules; `identity` changes nothing.
  let normalization: String
  let unknownID: Int32
  /// Whether the first piece of a text starts with a space that is not part of the text.
  let hasDummyPrefix: Bool
  /// Whether a space is added at the start of a text.
  let addsDummyPrefix: Bool
  /// Whether spaces belong to the word before them, and the space is added at the end of a text instead.
  let isWhitespaceSuffix: Bool
  /// Whether spaces at the ends of encoded text are lost.
  let stripsSpaces: Bool
  /// Encodes the start of a text, or its end.
  let start: SentencePieceProcessor
  /// Encodes the rest; differs from `start` if that would add another dummy prefix.
  let continuation: SentencePieceProcessor
  /// The id of each byte, for text that no other piece covers.
  let byteIDs: [Int32]
  /// Whether normalisation turns other characters into spaces.
  let normalizesSpaces: Bool

  /// - Parameters:
  ///   - model: The bytes of a `.model` file.
  ///   - description: Its contents, which were checked.
  /// - Throws: `ModelProblem`.
  init(_ model: [UInt8], _ description: ModelDescription) throws(ModelProblem) {
    start = try SentencePieceProcessor(model)
    if description.addsDummyPrefix {
      // Concatenated messages merge: this sets normalizer_spec.add_dummy_prefix to false.
      continuation = try SentencePieceProcessor(model + [0x1A, 2, 0x18, 0])
    } else {
      continuation = start
    }
    guard start.vocabularySize == description.pieces.count, let unknownID = start.unknownID else {
      throw ModelProblem("expected \(description.pieces.count) pieces, SentencePiece found \(start.vocabularySize)")
    }
    self.unknownID = unknownID
    modelType = description.modelType
    hasByteFallback = description.hasByteFallback
    normalization = description.normalization
    hasDummyPrefix = description.addsDummyPrefix || description.removesExtraWhitespace
    addsDummyPrefix = description.addsDummyPrefix
    isWhitespaceSuffix = description.isWhitespaceSuffix
    stripsSpaces = description.removesExtraWhitespace
    normalizesSpaces = description.hasCharacterMap
    byteIDs = description.byteIDs(unknownID: unknownID)
  }

  /// The processor that encodes a run of text.
  ///
  /// Later lines continue the text, so they get no prefix. A model that strips whitespace loses the space before a line
  /// or a run. The prefix then takes its place: inside a line, only if the run starts with a space. With whitespace as a
  /// suffix, all of this is so at the end.
  ///
  /// - Parameters:
  ///   - run: Valid UTF-8.
  ///   - place: Where it starts.
  ///   - end: What follows it: another text, another line or more of this one.
  /// - Returns: One of the two.
  func processor(for run: ArraySlice<UInt8>, at place: TextPlace, end: TextPlace) -> SentencePieceProcessor {
    if isWhitespaceSuffix {
      switch end {
      case .textStart: return start
      case .lineStart: return stripsSpaces ? start : continuation
      case .middle: return stripsSpaces && run.last == UInt8(ascii: " ") ? start : continuation
      }
    }
    switch place {
    case .textStart: return start
    case .lineStart: return stripsSpaces ? start : continuation
    case .middle: return stripsSpaces && beginsWithSpace(run) ? start : continuation
    }
  }

  private func beginsWithSpace(_ run: ArraySlice<UInt8>) -> Bool {
    if run.first == UInt8(ascii: " ") { return true }
    // Normalisation turns tabs and Unicode's other spaces into spaces.
    guard normalizesSpaces else { return false }
    return String(decoding: run.prefix(4), as: UTF8.self).unicodeScalars.first?.properties.isWhitespace ?? false
  }
}

/// U+2581, which stands for a space in SentencePiece's pieces.
let spaceSymbol: [UInt8] = [0xE2, 0x96, 0x81]

extension ModelDescription {
  /// The text that a piece stands for.
  func surface(of piece: Piece) -> ArraySlice<UInt8> {
    switch piece.kind {
    case .control: []
    case .unknown: unknownSurface
    case .byte: byteValue(piece.text).map { [$0] } ?? []
    case .normal, .userDefined, .unused: withSpaces(piece.text)
    }
  }

  /// The id of each byte's piece; the unknown id for bytes without a piece.
  func byteIDs(unknownID: Int32) -> [Int32] {
    var ids = [Int32](repeating: unknownID, count: 256)
    for (id, piece) in pieces.enumerated() where piece.kind == .byte {
      if let byte = byteValue(piece.text) { ids[Int(byte)] = Int32(id) }
    }
    return ids
  }

  private func withSpaces(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    var surface: ArraySlice<UInt8> = []
    var rest = text
    while let first = rest.first {
      let isSpace = rest.starts(with: spaceSymbol)
      surface.append(isSpace ? UInt8(ascii: " ") : first)
      rest = rest.dropFirst(isSpace ? spaceSymbol.count : 1)
    }
    return surface
  }
}
