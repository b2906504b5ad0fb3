/// The contents of a `tokenizer.json` of byte-level BPE, read and checked.
///
/// Whatever would give other ids than PyPI's `tokenizers` is refused by name. Special tokens have no text: a text that
/// spells one is text.
struct TokenizerFile {
  /// A piece that is cut out of a text before anything else.
  struct AddedToken {
    let id: Int32
    let content: [UInt8]
    /// Whether it is a mark that no text produces.
    let isSpecial: Bool
    /// Whether it is looked for in the normalised text.
    let isNormalized: Bool
  }

  /// The pieces as stored, by id.
  private(set) var pieces: [[UInt8]] = []
  /// The bytes that the pieces stand for, by id; none for special tokens.
  private(set) var surfaces: [[UInt8]] = []
  private(set) var kinds: [PieceKind] = []
  /// The piece of each byte.
  private(set) var byteIDs: [Int32] = []
  private(set) var merges = PairMerges()
  private(set) var addedTokens: [AddedToken] = []
  private(set) var pattern = PreTokenPattern.spaceBeforeWord
  /// Whether a space is added before a text that does not start with one.
  private(set) var addsPrefixSpace = false
  /// Whether text is brought into normalization form C.
  private(set) var composes = false
  /// The ids of pre-tokens that are pieces, if these are not merged from their bytes; otherwise empty.
  private(set) var wholeIDs: [[UInt8]: Int32] = [:]
  private(set) var bosID: Int32?
  private(set) var eosID: Int32?
  private(set) var padID: Int32?

  /// - Parameter json: The bytes of the file, which are not trusted.
  /// - Throws: `ModelProblem`.
  init(_ json: [UInt8]) throws(ModelProblem) {
    let file = try JSONTree(reading: json)
    guard let model = file["model"] else { throw ModelProblem("expected an object with the member 'model'") }
    try readPipeline(file)
    try readSettings(of: model)
    let ids = try readPieces(model, file["added_tokens"])
    let merged = try readMerges(model["merges"], ids)
    try markAddedTokens(merged.union(byteIDs))
    nameSpecialTokens(file["post_processor"])
  }

  // MARK: - Settings

  private mutating func readPipeline(_ file: JSONTree) throws(ModelProblem) {
    switch file["normalizer"]?["type"]?.string {
    case "NFC": composes = true
    case nil where file["normalizer"]?.isNull ?? true: break
    case let type: throw Self.unsupported("normalizer", type, "none or NFC")
    }
    guard let step = file["pre_tokenizer"] else { throw Self.unsupported("pre_tokenizer", nil, "ByteLevel") }
    switch step["type"]?.string {
    case "ByteLevel":
      guard step["use_regex"]?.flag ?? true else {
        throw ModelProblem("pre_tokenizer ByteLevel: expected 'use_regex', or Split before it")
      }
      addsPrefixSpace = step["add_prefix_space"]?.flag ?? false
    case "Sequence": try readSplit(step["pretokenizers"]?.list ?? [])
    case let type: throw Self.unsupported("pre_tokenizer", type, "ByteLevel, or Split and ByteLevel")
    }
    guard file["decoder"]?["type"]?.string == "ByteLevel" else {
      throw Self.unsupported("decoder", file["decoder"]?["type"]?.string, "ByteLevel")
    }
  }

  /// Reads a pattern in front of the byte alphabet, as Llama 3 and Qwen 2 have it.
  private mutating func readSplit(_ steps: [JSONTree]) throws(ModelProblem) {
    let types = steps.map { $0["type"]?.string ?? "?" }
    guard types == ["Split", "ByteLevel"] else {
      throw Self.unsupported("pre_tokenizer", types.joined(separator: ", "), "ByteLevel, or Split and ByteLevel")
    }
    let (split, bytes) = (steps[0], steps[1])
    guard bytes["use_regex"]?.flag == false, bytes["add_prefix_space"]?.flag != true else {
      throw ModelProblem("pre_tokenizer ByteLevel behind Split: expected no 'use_regex' and no 'add_prefix_space'")
    }
    guard split["behavior"]?.string == "Isolated", split["invert"]?.flag != true else {
      throw ModelProblem("pre_tokenizer Split: expected the behavior Isolated without 'invert'")
    }
    let expression = split["pattern"]?["Regex"]?.string
    guard let known = expression.flatMap(PreTokenPattern.init(expression:)) else {
      throw Self.unsupported(
        "pre_tokenizer Split", expression ?? "no regular expression", "the pattern of GPT-2, Llama 3 or Qwen 2")
    }
    pattern = known
  }

  private func readSettings(of model: JSONTree) throws(ModelProblem) {
    // Files of old versions leave the type out.
    let type = model["type"]?.string ?? (model["merges"] != nil ? "BPE" : nil)
    guard type == "BPE" else { throw Self.unsupported("model", type, "byte-level BPE") }
    switch model["dropout"] {
    case nil, .null, .integer(0): break
    case .number(0): break
    default: throw ModelProblem("model BPE: expected no 'dropout', which makes ids random")
    }
    for name in ["continuing_subword_prefix", "end_of_word_suffix"] {
      guard model[name]?.string ?? "" == "" else { throw ModelProblem("model BPE: expected no '\(name)'") }
    }
  }

  private static func unsupported(_ part: String, _ found: String?, _ expected: String) -> ModelProblem {
    ModelProblem("\(part): expected \(expected), found \(found ?? "none")")
  }

  // MARK: - Pieces

  /// Reads the vocabulary and the added tokens; returns the ids of the vocabulary.
  private mutating func readPieces(
    _ model: JSONTree, _ added: JSONTree?
  ) throws(ModelProblem) -> [[UInt8]: Int32] {
    guard case .object(let vocabulary) = model["vocab"] else {
      throw ModelProblem("model BPE: expected the object 'vocab'")
    }
    var ids: [[UInt8]: Int32] = [:]
    ids.reserveCapacity(vocabulary.count)
    var found: [Int32: [UInt8]] = [:]
    func add(_ piece: [UInt8], _ id: Int) throws(ModelProblem) {
      guard let id = Int32(exactly: id), id >= 0, found.updateValue(piece, forKey: id) == nil else {
        throw ModelProblem("id \(id): expected one piece for each id from 0")
      }
    }
    for (piece, value) in vocabulary {
      guard case .integer(let id) = value, ids.updateValue(Int32(truncatingIfNeeded: id), forKey: piece) == nil else {
        throw ModelProblem("vocab '\(String(decoding: piece, as: UTF8.self))': expected one id")
      }
      try add(piece, id)
    }
    for token in added?.list ?? [] {
      let token = try Self.addedToken(token)
      if let id = ids[token.content] {
        guard id == token.id else {
          throw ModelProblem(
            "added token '\(String(decoding: token.content, as: UTF8.self))': expected the id \(id) of the vocabulary, "
              + "found \(token.id)")
        }
      } else {
        try add(token.content, Int(token.id))
      }
      addedTokens.append(token)
    }
    for id in 0..<Int32(found.count) {
      guard let piece = found[id] else { throw ModelProblem("id \(id): expected a piece, found none") }
      pieces.append(piece)
      surfaces.append(ByteAlphabet.bytes(of: piece) ?? piece)
      kinds.append(.normal)
    }
    try findBytes(ids)
    if model["ignore_merges"]?.flag ?? false {
      for (piece, id) in ids { if let bytes = ByteAlphabet.bytes(of: piece) { wholeIDs[bytes] = id } }
    }
    return ids
  }

  private mutating func findBytes(_ ids: [[UInt8]: Int32]) throws(ModelProblem) {
    for (byte, character) in ByteAlphabet.characters.enumerated() {
      guard let id = ids[Array(String(character).utf8)] else {
        throw ModelProblem("vocab: expected a piece for each byte, found none for byte \(byte) ('\(character)')")
      }
      byteIDs.append(id)
    }
  }

  private static func addedToken(_ token: JSONTree) throws(ModelProblem) -> AddedToken {
    guard case .integer(let number) = token["id"], let id = Int32(exactly: number), id >= 0,
      case .text(let content) = token["content"], !content.isEmpty
    else { throw ModelProblem("added_tokens: expected an id and a text for each") }
    let isSpecial = token["special"]?.flag ?? false
    for name in ["single_word", "lstrip", "rstrip"] where !isSpecial && token[name]?.flag ?? false {
      throw ModelProblem("added token '\(String(decoding: content, as: UTF8.self))': expected no '\(name)'")
    }
    return AddedToken(
      id: id, content: content, isSpecial: isSpecial, isNormalized: token["normalized"]?.flag ?? !isSpecial)
  }

  // MARK: - Merges

  /// Reads the merges; returns the ids of the merged pieces.
  private mutating func readMerges(
    _ list: JSONTree?, _ ids: [[UInt8]: Int32]
  ) throws(ModelProblem) -> Set<Int32> {
    guard let list = list?.list, let count = UInt32(exactly: list.count) else {
      throw ModelProblem("model BPE: expected the list 'merges'")
    }
    merges.reserveCapacity(list.count)
    var found: Set<Int32> = []
    for (rank, merge) in zip(0..<count, list) {
      let parts: [[UInt8]]
      switch merge {
      case .text(let text):
        parts = text.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false).map(Array.init)
      case .list(let items): parts = items.map { if case .text(let part) = $0 { part } else { [] } }
      default: parts = []
      }
      guard parts.count == 2, let left = ids[parts[0]], let right = ids[parts[1]], let merged = ids[parts[0] + parts[1]]
      else { throw ModelProblem("merges[\(rank)]: expected two pieces that are a piece together") }
      merges.append(left, right, into: merged, rank: rank)
      found.insert(merged)
    }
    return found
  }

  /// Gives added tokens their kinds and texts.
  ///
  /// - Parameter merged: The ids that merges, or single bytes, make of text.
  /// - Throws: `ModelProblem` for an id with two meanings.
  private mutating func markAddedTokens(_ merged: Set<Int32>) throws(ModelProblem) {
    for token in addedTokens {
      let isText = merged.contains(token.id) || isWhole(token)
      guard token.isSpecial || !isText || surfaces[Int(token.id)] == token.content else {
        throw ModelProblem(
          "added token '\(String(decoding: token.content, as: UTF8.self))': its id \(token.id) also stands for other bytes"
        )
      }
      // A mark that text can produce has that text, or it would be lost.
      if token.isSpecial, isText { continue }
      kinds[Int(token.id)] = token.isSpecial ? .control : .userDefined
      surfaces[Int(token.id)] = token.isSpecial ? [] : token.content
    }
  }

  /// Whether a pre-token gives the token without merges.
  private func isWhole(_ token: AddedToken) -> Bool {
    let bytes = surfaces[Int(token.id)]
    return wholeIDs[bytes] == token.id && pattern.end(ofPreTokenAt: 0, in: bytes.span) == bytes.count
  }

  // MARK: - Special tokens

  /// Finds BOS, EOS and padding, which this format names nowhere.
  ///
  /// BOS is what the post-processor puts before a text. Otherwise their usual names tell, and `<|endoftext|>` is both BOS
  /// and EOS, as in GPT-2 and GPT-NeoX.
  private mutating func nameSpecialTokens(_ postProcessor: JSONTree?) {
    var special: [String: Int32] = [:]
    for token in addedTokens where token.isSpecial {
      special[String(decoding: token.content, as: UTF8.self)] = token.id
    }
    func first(_ names: String...) -> Int32? { names.compactMap { special[$0] }.first }
    eosID = first("</s>", "<|endoftext|>", "<|end_of_text|>", "<eos>", "[EOS]")
    bosID =
      Self.firstOfTemplate(postProcessor).flatMap { special[$0] }
      ?? first("<s>", "<|begin_of_text|>", "<|startoftext|>", "<bos>", "[BOS]", "<|endoftext|>")
    padID = first("<pad>", "<|padding|>", "<|pad|>", "[PAD]")
  }

  private static func firstOfTemplate(_ step: JSONTree?) -> String? {
    switch step?["type"]?.string {
    case "TemplateProcessing": step?["single"]?.list?.first?["SpecialToken"]?["id"]?.string
    case "Sequence": step?["processors"]?.list?.lazy.compactMap(firstOfTemplate).first
    default: nil
    }
  }
}
