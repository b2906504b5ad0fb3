/// The contents of a serialized SentencePiece model, parsed and checked without SentencePiece.
///
/// The installed headers offer neither the kind "user-defined" nor the flags of the normaliser. The library also trusts
/// the bytes: broken models make it read outside its arrays or abort. So the protocol buffer is checked here first;
/// what passes is safe to load. Field numbers: SentencePiece, `sentencepiece_model.proto`.
struct ModelDescription {
  /// A piece of the vocabulary.
  struct Piece {
    var text: ArraySlice<UInt8> = []
    var score: Float = 0
    var kind = PieceKind.normal
  }

  private(set) var pieces: [Piece] = []
  private(set) var modelType = ModelType.unigram
  private(set) var hasByteFallback = false
  private(set) var addsDummyPrefix = true
  private(set) var removesExtraWhitespace = true
  /// Whether pieces have U+2581 for a space.
  private(set) var escapesWhitespace = true
  private(set) var normalization = ""
  // The value of trainer_spec.unk_surface; its default is " ⁇ ".
  private(set) var unknownSurface = ArraySlice(" \u{2047} ".utf8)
  /// Whether there are normalisation rules.
  private(set) var hasCharacterMap = false
  private var characterMaps: [ArraySlice<UInt8>] = []
  private(set) var isWhitespaceSuffix = false
  private var (hasTrainer, hasNormalizer) = (false, false)

  // Darts builds its trie recursively, one call for each byte of a piece.
  private static let pieceByteLimit = 4096
  // normalizer.cc, PrefixMatcher::PrefixMatch: kResultSize; more matches overrun an array on SentencePiece's stack.
  static let userDefinedMatchLimit = 64

  init(_ model: [UInt8]) throws(ModelProblem) {
    var reader = ProtobufReader(model, in: 0..<model.count)
    while let (number, value) = try reader.next() {
      switch (number, value) {
      case (1, .bytes(let range)): pieces.append(try Self.piece(ProtobufReader(model, in: range), model))
      case (2, .bytes(let range)):
        hasTrainer = true
        try readTrainer(ProtobufReader(model, in: range), model)
      case (3, .bytes(let range)):
        hasNormalizer = true
        try readNormalizer(ProtobufReader(model, in: range), model)
      case (5, .bytes(let range)): try readDenormalizer(ProtobufReader(model, in: range), model)
      case (1, _), (2, _), (3, _), (5, _): throw ModelProblem("field \(number) has another wire type")
      default: break
      }
    }
    try validate()
  }

  private static func piece(_ fields: consuming ProtobufReader, _ model: [UInt8]) throws(ModelProblem) -> Piece {
    var piece = Piece()
    while let (number, value) = try fields.next() {
      switch (number, value) {
      case (1, .bytes(let range)): piece.text = model[range]
      case (2, .fixed32(let bits)):
        piece.score = Float(bitPattern: bits)
        guard piece.score.isFinite else { throw ModelProblem("the score of a piece is not a finite number") }
      case (3, .varint(let code)):
        guard let kind = PieceKind(rawValue: code) else { throw ModelProblem("a piece has the unknown kind \(code)") }
        piece.kind = kind
      case (1...3, _): throw ModelProblem("field \(number) of a piece has another wire type")
      default: break
      }
    }
    return piece
  }

  private mutating func readTrainer(_ fields: consuming ProtobufReader, _ model: [UInt8]) throws(ModelProblem) {
    while let (number, value) = try fields.next() {
      switch (number, value) {
      case (3, .varint(let code)):
        guard let type = ModelType(code: code) else { throw ModelProblem("unknown model type \(code)") }
        modelType = type
      case (24, .varint(let flag)): isWhitespaceSuffix = flag != 0
      case (35, .varint(let flag)): hasByteFallback = flag != 0
      case (44, .bytes(let range)): unknownSurface = model[range]
      case (3, _), (24, _), (35, _), (44, _): throw ModelProblem("trainer field \(number) has another wire type")
      default: break
      }
    }
  }

  private mutating func readNormalizer(_ fields: consuming ProtobufReader, _ model: [UInt8]) throws(ModelProblem) {
    while let (number, value) = try fields.next() {
      switch (number, value) {
      case (1, .bytes(let range)): normalization = String(decoding: model[range], as: UTF8.self)
      case (2, .bytes(let range)):
        characterMaps.append(model[range])
        hasCharacterMap = !range.isEmpty
      case (3, .varint(let flag)): addsDummyPrefix = flag != 0
      case (4, .varint(let flag)): removesExtraWhitespace = flag != 0
      case (5, .varint(let flag)): escapesWhitespace = flag != 0
      case (1...5, _): throw ModelProblem("normaliser field \(number) has another wire type")
      default: break
      }
    }
  }

  private mutating func readDenormalizer(_ fields: consuming ProtobufReader, _ model: [UInt8]) throws(ModelProblem) {
    while let (number, value) = try fields.next() {
      if number == 2, case .bytes(let range) = value { characterMaps.append(model[range]) }
    }
  }

  private func validate() throws(ModelProblem) {
    guard !pieces.isEmpty else { throw ModelProblem("it has no pieces") }
    guard pieces.count <= Int(Int32.max) else { throw ModelProblem("it has too many pieces") }
    for (id, piece) in pieces.enumerated() {
      guard 1...Self.pieceByteLimit ~= piece.text.count, !piece.text.contains(0), isUTF8(piece.text) else {
        throw ModelProblem("piece \(id): expected 1 to \(Self.pieceByteLimit) bytes of UTF-8 without zero bytes")
      }
      guard piece.kind != .byte || byteValue(piece.text) != nil else {
        throw ModelProblem("piece \(id): expected a byte such as <0x0A>")
      }
    }
    guard pieces.count(where: { $0.kind == .unknown }) == 1 else { throw ModelProblem("expected one unknown piece") }
    guard hasTrainer, hasNormalizer else {
      let missing = hasTrainer ? "normaliser" : "trainer"
      throw ModelProblem("expected \(missing) settings behind \(pieces.count) pieces, found none: the file is cut off")
    }
    let byteCount = Set(pieces.compactMap { $0.kind == .byte ? byteValue($0.text) : nil }).count
    guard byteCount == (hasByteFallback ? 256 : 0) else {
      let expected = hasByteFallback ? "256 byte pieces" : "no byte pieces, as byte fallback is off"
      throw ModelProblem("expected \(expected), found \(byteCount)")
    }
    let userDefined = pieces.filter { $0.kind == .userDefined }.map(\.text)
    guard nestingDepth(of: userDefined) <= Self.userDefinedMatchLimit else {
      throw ModelProblem("user-defined pieces nest too deep")
    }
    for map in characterMaps where !map.isEmpty { try CharacterMap.validate(map) }
  }
}

/// The length of the longest chain of texts in which each text is a prefix of the next.
func nestingDepth(of texts: [ArraySlice<UInt8>]) -> Int {
  // In sorted order, the prefixes of a text are exactly the texts that are still open.
  var open: [ArraySlice<UInt8>] = []
  var depth = 0
  for text in texts.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
    while let last = open.last, !text.starts(with: last) { open.removeLast() }
    open.append(text)
    depth = max(depth, open.count)
  }
  return depth
}

/// The byte that a byte piece stands for: `<0x0A>` is 10.
func byteValue(_ text: ArraySlice<UInt8>) -> UInt8? {
  guard text.count == 6, text.starts(with: "<0x".utf8), text.last == UInt8(ascii: ">") else { return nil }
  let digits = String(decoding: text.dropFirst(3).prefix(2), as: UTF8.self)
  // SentencePiece accepts only capital digits, and the parser would accept a sign.
  guard digits.utf8.allSatisfy({ (48...57).contains($0) || (65...70).contains($0) }) else { return nil }
  return UInt8(digits, radix: 16)
}

/// The purpose of a piece of the vocabulary; the raw values are those of SentencePiece's `SentencePiece.Type`.
package enum PieceKind: UInt64, Sendable {
  /// Ordinary text.
  case normal = 1
  /// Stands for text that no piece covers.
  case unknown = 2
  /// A mark such as `<s>`: text cannot produce it, and it stands for no text.
  case control = 3
  /// A symbol that is always one piece.
  case userDefined = 4
  /// In the vocabulary, but never produced.
  case unused = 5
  /// One byte, for text that no other piece covers.
  case byte = 6
}

/// The algorithm that chooses a vocabulary and splits text into pieces.
package enum ModelType: String, Sendable, CaseIterable {
  /// The most likely pieces under a unigram language model.
  case unigram
  /// Pairs merged by frequency.
  case bpe
  /// Whole words.
  case word
  /// Single characters.
  case char

  /// Converts SentencePiece's `TrainerSpec.ModelType`.
  init?(code: UInt64) {
    switch code {
    case 1: self = .unigram
    case 2: self = .bpe
    case 3: self = .word
    case 4: self = .char
    default: return nil
    }
  }
}
