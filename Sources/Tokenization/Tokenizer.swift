/// A SentencePiece tokenizer, which converts text to token ids and ids back to text.
///
/// Models trained here restore every byte of every text: see docs/TOKENS.md. Other models keep their own normalisation
/// and their dummy prefix, a space that is added before a text and removed again.
package final class Tokenizer: Sendable {
  /// The serialized model, unchanged.
  package let model: [UInt8]
  /// Where the model came from, for messages.
  package let path: String
  /// The algorithm that splits text into pieces.
  package let modelType: ModelType
  /// Whether text that no piece covers becomes byte pieces.
  package let hasByteFallback: Bool
  /// The name of the normalisation rules; `identity` changes nothing.
  package let normalization: String
  /// The number of ids; they are 0..<vocabularySize.
  package let vocabularySize: Int
  /// The id of the unknown piece.
  package let unknownID: Int32
  /// The id that starts sequences, if the model has one.
  package let bosID: Int32?
  /// The id that ends documents, if the model has one.
  package let eosID: Int32?
  /// The id that pads batches, if the model has one.
  package let padID: Int32?

  /// Whether the first piece of a text starts with a space that is not part of the text.
  let hasDummyPrefix: Bool
  /// Whether a space is added at the start of a text.
  let addsDummyPrefix: Bool
  /// Whether spaces at the ends of encoded text are lost.
  let stripsSpaces: Bool
  /// Encodes the start of a text.
  let start: SentencePieceProcessor
  /// Encodes the rest; differs from `start` if that would add another dummy prefix.
  let continuation: SentencePieceProcessor
  /// The id of each byte, for text that no other piece covers.
  let byteIDs: [Int32]
  private let normalizesSpaces: Bool
  private let kinds: [PieceKind]
  private let pieces: ByteTable
  private let surfaces: ByteTable

  /// Loads a serialized SentencePiece model.
  ///
  /// - Parameters:
  ///   - model: The bytes of a `.model` file, which are not trusted.
  ///   - path: The name of the model in errors.
  /// - Throws: `TokenizerError.invalidModel`.
  package init(model: [UInt8], path: String) throws(TokenizerError) {
    self.model = model
    self.path = path
    do throws(ModelProblem) {
      let description = try ModelDescription(model)
      start = try SentencePieceProcessor(model)
      if description.addsDummyPrefix {
        // Concatenated messages merge: this sets normalizer_spec.add_dummy_prefix to false.
        continuation = try SentencePieceProcessor(model + [0x1A, 2, 0x18, 0])
      } else {
        continuation = start
      }
      vocabularySize = description.pieces.count
      guard start.vocabularySize == vocabularySize, let unknownID = start.unknownID else {
        throw ModelProblem("expected \(description.pieces.count) pieces, SentencePiece found \(start.vocabularySize)")
      }
      self.unknownID = unknownID
      modelType = description.modelType
      hasByteFallback = description.hasByteFallback
      normalization = description.normalization
      hasDummyPrefix = description.addsDummyPrefix || description.removesExtraWhitespace
      addsDummyPrefix = description.addsDummyPrefix
      stripsSpaces = description.removesExtraWhitespace
      normalizesSpaces = description.hasCharacterMap
      byteIDs = description.byteIDs(unknownID: unknownID)
      kinds = description.pieces.map(\.kind)
      pieces = ByteTable(description.pieces.map(\.text))
      surfaces = ByteTable(description.pieces.map(description.surface(of:)))
    } catch {
      throw .invalidModel(path: path, reason: error.reason)
    }
    bosID = start.bosID
    eosID = start.eosID
    padID = start.padID
  }

  /// The ids of a whole text, without BOS and EOS.
  ///
  /// - Parameters:
  ///   - text: Any bytes.
  ///   - invalid: How to treat bytes that are not UTF-8.
  ///   - source: The name of the text in errors.
  /// - Returns: The same ids as from a `TextEncoder` that receives the text in pieces.
  /// - Throws: `TokenizerError.invalidText` or `.encodingFailed`.
  package func encode(
    _ text: [UInt8], invalid: InvalidText = .refuse, source: String = "text"
  ) throws(TokenizerError) -> [Int32] {
    var encoder = TextEncoder(self, invalid: invalid, source: source)
    var ids: [Int32] = []
    try encoder.append(text.span, to: &ids)
    try encoder.finish(to: &ids)
    return ids
  }

  /// The bytes of a whole text.
  ///
  /// A dummy prefix is removed at the start, and after BOS and EOS, where another text starts.
  ///
  /// - Parameter ids: Any ids of the vocabulary; BOS, EOS and other control pieces produce no text.
  /// - Returns: The text; it is UTF-8 if the ids were made from UTF-8.
  /// - Throws: `TokenizerError.unknownID`.
  package func decode(_ ids: [Int32]) throws(TokenizerError) -> [UInt8] {
    var text: [UInt8] = []
    var isTextStart = true
    for id in ids {
      try checkID(id)
      appendBytes(of: id, isTextStart: &isTextStart, to: &text)
    }
    return text
  }

  /// The bytes that an id stands for inside a text; a control piece stands for none.
  ///
  /// - Parameter id: An id of the vocabulary.
  /// - Returns: The bytes; not always whole characters.
  /// - Precondition: The id is in 0..<vocabularySize.
  package func bytes(of id: Int32) -> ArraySlice<UInt8> { surfaces[Int(id)] }

  /// The number of bytes that an id stands for at the start of a text, without a dummy prefix.
  ///
  /// - Parameter id: An id of the vocabulary.
  /// - Returns: A number of bytes.
  /// - Precondition: The id is in 0..<vocabularySize.
  package func openingByteCount(of id: Int32) -> Int {
    var (isTextStart, bytes) = (true, [UInt8]())
    appendBytes(of: id, isTextStart: &isTextStart, to: &bytes)
    return bytes.count
  }

  /// Whether decoding restores the words of a text, unless an id is the unknown piece.
  package var keepsWords: Bool { !normalizesSpaces && modelType != .word }

  /// The piece as stored in the vocabulary, with spaces as `▁` and bytes as `<0x0A>`.
  ///
  /// - Parameter id: An id of the vocabulary.
  /// - Returns: The text of the piece.
  /// - Precondition: The id is in 0..<vocabularySize.
  package func piece(of id: Int32) -> String { String(decoding: pieces[Int(id)], as: UTF8.self) }

  /// The bytes of the piece as stored in the vocabulary; see `piece(of:)`.
  func pieceBytes(of id: Int32) -> ArraySlice<UInt8> { pieces[Int(id)] }

  /// The purpose of an id's piece.
  ///
  /// - Parameter id: An id of the vocabulary.
  /// - Returns: Its kind.
  /// - Precondition: The id is in 0..<vocabularySize.
  package func kind(of id: Int32) -> PieceKind { kinds[Int(id)] }

  /// Throws `TokenizerError.unknownID` unless the id is in the vocabulary.
  ///
  /// - Parameter id: Any number.
  /// - Throws: `TokenizerError.unknownID`.
  package func checkID(_ id: Int32) throws(TokenizerError) {
    guard 0..<vocabularySize ~= Int(id) else { throw .unknownID(id, vocabularySize: vocabularySize) }
  }

  /// The processor that encodes a run of text.
  ///
  /// Later lines continue the text, so they get no prefix. A model that strips whitespace loses the space before a line
  /// or a run. The prefix then takes its place: inside a line, only if the run starts with a space.
  func processor(for run: ArraySlice<UInt8>, at place: TextPlace) -> SentencePieceProcessor {
    switch place {
    case .textStart: start
    case .lineStart: stripsSpaces ? start : continuation
    case .middle: stripsSpaces && beginsWithSpace(run) ? start : continuation
    }
  }

  private func beginsWithSpace(_ run: ArraySlice<UInt8>) -> Bool {
    if run.first == UInt8(ascii: " ") { return true }
    // Normalisation turns tabs and Unicode's other spaces into spaces.
    guard normalizesSpaces else { return false }
    return String(decoding: run.prefix(4), as: UTF8.self).unicodeScalars.first?.properties.isWhitespace ?? false
  }

  /// Appends the bytes of an id, without the dummy prefix at the start of a text.
  package func appendBytes(of id: Int32, isTextStart: inout Bool, to text: inout [UInt8]) {
    if id == bosID || id == eosID {
      isTextStart = true
      return
    }
    let surface = surfaces[Int(id)]
    guard !surface.isEmpty else { return }
    let isPrefixed = isTextStart && hasDummyPrefix && pieces[Int(id)].starts(with: spaceSymbol)
    text.append(contentsOf: isPrefixed ? surface.dropFirst() : surface)
    isTextStart = false
  }
}

/// How to treat byte sequences that are not UTF-8.
package enum InvalidText: String, Sendable, CaseIterable {
  /// An error that names their position.
  case refuse
  /// Encode them as byte pieces, or as unknown pieces in a model without byte pieces.
  case bytes
}

/// A position in a text, relative to its lines.
package enum TextPlace: Sendable {
  /// At the start of the text.
  case textStart
  /// At the start of a later line.
  case lineStart
  /// After other text on the same line.
  case middle
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

/// Stores many short byte strings in one buffer.
struct ByteTable: Sendable {
  private var bytes: [UInt8] = []
  private var ends: [Int] = []

  init(_ strings: [ArraySlice<UInt8>]) {
    ends.reserveCapacity(strings.count)
    for string in strings {
      bytes.append(contentsOf: string)
      ends.append(bytes.count)
    }
  }

  /// - Precondition: The index is valid.
  subscript(_ index: Int) -> ArraySlice<UInt8> {
    precondition(ends.indices.contains(index), "byte table: \(index) outside 0..<\(ends.count)")
    return bytes[(index == 0 ? 0 : ends[index - 1])..<ends[index]]
  }
}
