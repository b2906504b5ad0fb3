/// A tokenizer, which converts text to token ids and ids back to text: SentencePiece's, or byte-level BPE as GPT-2's.
///
/// SentencePiece models trained here restore every byte of every text: see docs/TOKENS.md. Other models keep their own
/// normalisation and their dummy prefix, a space that is added before a text and removed again.
package final class Tokenizer: Sendable {
  /// The serialized model, unchanged: the bytes of a `.model` file or of a `tokenizer.json`.
  package let model: [UInt8]
  /// Where the model came from, for messages.
  package let path: String
  /// The number of ids; they are 0..<vocabularySize.
  package let vocabularySize: Int
  /// The id of the unknown piece; nil if there is a piece for every text.
  package let unknownID: Int32?
  /// The id that starts sequences, if the model has one.
  package let bosID: Int32?
  /// The id that ends documents, if the model has one.
  package let eosID: Int32?
  /// The id that pads batches, if the model has one.
  package let padID: Int32?

  /// What encodes text.
  let algorithm: Algorithm
  /// Whether the first piece of a text starts with a space that is not part of the text.
  private let hasDummyPrefix: Bool
  /// Whether the last piece of a text ends with a space that is not part of the text.
  package let hasDummySuffix: Bool
  /// What a dummy prefix is in the pieces as stored.
  private let prefix: [UInt8]
  private let kinds: [PieceKind]
  private let pieces: ByteTable
  private let surfaces: ByteTable

  /// The ways to encode text.
  enum Algorithm: Sendable {
    case sentencePiece(SentencePieceVocabulary)
    case byteLevel(ByteLevelVocabulary)
  }

  /// Loads a serialized model of either kind, recognised by its first byte.
  ///
  /// - Parameters:
  ///   - model: The bytes of a SentencePiece `.model` file, or of a `tokenizer.json`; they are not trusted.
  ///   - path: The name of the model in errors.
  /// - Throws: `TokenizerError.invalidModel` or `.invalidTokenizerFile`.
  package init(model: [UInt8], path: String) throws(TokenizerError) {
    self.model = model
    self.path = path
    if Self.isTokenizerFile(model) {
      let file: TokenizerFile
      do throws(ModelProblem) {
        file = try TokenizerFile(model)
      } catch {
        throw .invalidTokenizerFile(path: path, reason: error.reason)
      }
      (kinds, pieces, surfaces) = (file.kinds, ByteTable(file.pieces), ByteTable(file.surfaces))
      (unknownID, bosID, eosID, padID) = (nil, file.bosID, file.eosID, file.padID)
      (hasDummyPrefix, prefix) = (file.addsPrefixSpace, Array("\u{120}".utf8))
      hasDummySuffix = false
      algorithm = .byteLevel(ByteLevelVocabulary(file))
    } else {
      let (description, vocabulary): (ModelDescription, SentencePieceVocabulary)
      do throws(ModelProblem) {
        description = try ModelDescription(model)
        vocabulary = try SentencePieceVocabulary(model, description)
      } catch {
        throw .invalidModel(path: path, reason: error.reason)
      }
      kinds = description.pieces.map(\.kind)
      pieces = ByteTable(description.pieces.map(\.text))
      surfaces = ByteTable(description.pieces.map(description.surface(of:)))
      unknownID = vocabulary.unknownID
      (bosID, eosID, padID) = (vocabulary.start.bosID, vocabulary.start.eosID, vocabulary.start.padID)
      (hasDummyPrefix, prefix) = (vocabulary.hasDummyPrefix && !vocabulary.isWhitespaceSuffix, spaceSymbol)
      hasDummySuffix = vocabulary.hasDummyPrefix && vocabulary.isWhitespaceSuffix
      algorithm = .sentencePiece(vocabulary)
    }
    vocabularySize = kinds.count
  }

  /// Whether bytes are a JSON object; no SentencePiece model starts so.
  private static func isTokenizerFile(_ model: [UInt8]) -> Bool { model.first == UInt8(ascii: "{") }

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
    if hasDummySuffix, text.last == UInt8(ascii: " ") { text.removeLast() }
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

  /// The piece as stored in the vocabulary, with spaces as `▁` and bytes as `<0x0A>`, or with spaces as `Ġ`.
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

  /// Appends the bytes of an id, without the dummy prefix at the start of a text.
  package func appendBytes(of id: Int32, isTextStart: inout Bool, to text: inout [UInt8]) {
    if id == bosID || id == eosID {
      isTextStart = true
      return
    }
    let surface = surfaces[Int(id)]
    guard !surface.isEmpty else { return }
    let isPrefixed = isTextStart && hasDummyPrefix && pieces[Int(id)].starts(with: prefix)
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

/// Stores many short byte strings in one buffer.
struct ByteTable: Sendable {
  private var bytes: [UInt8] = []
  private var ends: [Int] = []

  init(_ strings: [some Collection<UInt8>]) {
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
