/// A vocabulary as Hugging Face's `tokenizers` reads it: `tokenizer.json` and `tokenizer_config.json`.
///
/// Byte-level BPE is in such a file already, which is written unchanged; only the second is made here.
///
/// `AutoTokenizer` of transformers then gives the ids of this program. The class `LlamaTokenizer` would not: it reads
/// every vocabulary as BPE with a space before the text. docs/CONVERT.md has what was compared.
package struct HuggingFaceTokenizer {
  /// The names of the files with their bytes.
  package let files: [(name: String, bytes: [UInt8])]
  /// Whether sums of scores have no rounding errors: those of a vocabulary trained here, and of every BPE vocabulary.
  ///
  /// `tokenizers` sums in Float64, SentencePiece in Float32. Otherwise rounding may decide between equally likely pieces.
  package let hasExactScores: Bool

  /// - Parameters:
  ///   - tokenizer: The vocabulary.
  ///   - startsWithBOS: Whether sequences of the model start with BOS.
  /// - Throws: `TokenizerExportError` for a property that `tokenizers` cannot express.
  package init(_ tokenizer: Tokenizer, startsWithBOS: Bool) throws(TokenizerExportError) {
    guard case .sentencePiece = tokenizer.algorithm else {
      hasExactScores = true
      files = [("tokenizer_config.json", Self.configuration(tokenizer, startsWithBOS: false).utf8())]
      return
    }
    let description: ModelDescription
    do throws(ModelProblem) {
      description = try ModelDescription(tokenizer.model)
    } catch {
      preconditionFailure("HuggingFaceTokenizer: a loaded tokenizer is not valid: \(error.reason)")
    }
    let vocabulary = try PieceTexts(description)
    hasExactScores = description.modelType != .unigram || vocabulary.hasExactScores
    let bos = startsWithBOS ? tokenizer.bosID.map { Int($0) } : nil
    if let bos { try vocabulary.checkTemplate(bos) }
    let pipeline = TokenizerPipeline(vocabulary, bos: bos)
    let model =
      description.modelType == .unigram ? try vocabulary.unigramModel() : try vocabulary.pairModel()
    let json = JSONTree.object([
      "version": .text("1.0"), "truncation": .null, "padding": .null, "added_tokens": pipeline.addedTokens,
      "normalizer": pipeline.normalizer, "pre_tokenizer": try pipeline.preTokenizer(),
      "post_processor": pipeline.postProcessor, "decoder": pipeline.decoder, "model": model,
    ])
    files = [
      ("tokenizer.json", json.utf8(depth: 3)),
      ("tokenizer_config.json", Self.configuration(tokenizer, startsWithBOS: bos != nil).utf8()),
    ]
  }

  private static func configuration(_ tokenizer: Tokenizer, startsWithBOS: Bool) -> JSONTree {
    var members: [(key: [UInt8], value: JSONTree)] = []
    func add(_ key: String, _ value: JSONTree) { members.append((Array(key.utf8), value)) }
    add("tokenizer_class", .text("PreTrainedTokenizerFast"))
    add("add_bos_token", .boolean(startsWithBOS))
    add("add_eos_token", .boolean(false))
    add("clean_up_tokenization_spaces", .boolean(false))
    // A text that spells a control piece is text, as in SentencePiece.
    add("split_special_tokens", .boolean(true))
    add("model_input_names", .list([.text("input_ids"), .text("attention_mask")]))
    for (name, id) in [
      ("unk", tokenizer.unknownID), ("bos", tokenizer.bosID), ("eos", tokenizer.eosID), ("pad", tokenizer.padID),
    ] {
      if let id { add("\(name)_token", .text(tokenizer.piece(of: id))) }
    }
    return .object(members)
  }
}

/// A property of a vocabulary that `tokenizers` cannot express.
package struct TokenizerExportError: Error, Equatable, CustomStringConvertible {
  /// The field of the SentencePiece model.
  let field: String
  let reason: String

  package var description: String { "\(field): \(reason)" }
}

/// The parts of `tokenizer.json` around the vocabulary.
private struct TokenizerPipeline {
  private let vocabulary: PieceTexts
  private let bos: Int?

  init(_ vocabulary: PieceTexts, bos: Int?) { (self.vocabulary, self.bos) = (vocabulary, bos) }

  /// Control pieces; and the user-defined pieces of a BPE vocabulary, which no merge may touch.
  ///
  /// SentencePiece takes the longest user-defined piece first, as `tokenizers` does with added tokens. One with a newline
  /// inside never matches, because texts are cut behind newlines.
  var addedTokens: JSONTree {
    let special = Set(vocabulary.ids(.control, .unknown))
    var ids = Array(special)
    if vocabulary.type != .unigram {
      ids += vocabulary.ids(.userDefined).filter { !vocabulary.texts[$0].dropLast().contains(UInt8(ascii: "\n")) }
    }
    return .list(
      ids.sorted().map { id in
        .object([
          "id": .integer(id), "content": .text(vocabulary.texts[id]), "single_word": .boolean(false),
          "lstrip": .boolean(false), "rstrip": .boolean(false), "normalized": .boolean(!special.contains(id)),
          "special": .boolean(special.contains(id)),
        ])
      })
  }

  /// The dummy prefix and the removal of spaces. In this syntax of regular expressions `^` is the start of a line.
  ///
  /// Text between two U+2581 is encoded on its own.
  var normalizer: JSONTree {
    var steps: [JSONTree] = []
    func replace(_ pattern: String, _ content: String) {
      steps.append(
        .object([
          "type": .text("Replace"), "pattern": .object(["Regex": .text(pattern)]), "content": .text(content),
        ]))
    }
    if vocabulary.stripsSpaces {
      replace(" {2,}", " ")
      replace(" (?=\u{2581}|\\z)", "")
      if vocabulary.addsDummyPrefix {
        // Each line starts with exactly one space.
        replace("^(?! |\u{2581})(?=.|\\n)", " ")
      } else {
        replace("^ |(?<=\u{2581}) ", "")
      }
    } else if vocabulary.addsDummyPrefix {
      replace("\\A(?=[^\u{2581}])", " ")
    }
    if steps.count < 2 { return steps.first ?? .null }
    return .object(["type": .text("Sequence"), "normalizers": .list(steps)])
  }

  /// Texts are cut behind each newline.
  func preTokenizer() throws(TokenizerExportError) -> JSONTree {
    func split(_ pattern: JSONTree, _ behavior: String) -> JSONTree {
      .object([
        "type": .text("Split"), "pattern": pattern, "behavior": .text(behavior), "invert": .boolean(false),
      ])
    }
    var steps = [split(.object(["String": .text("\n")]), "MergedWithPrevious")]
    if !vocabulary.hasByteFallback {
      // Each U+2581 is one unknown piece, never joined with its neighbours.
      steps.append(split(.object(["String": .text("\u{2581}")]), "Isolated"))
    }
    if let pattern = try vocabulary.specialCut() {
      steps.append(split(.object(["Regex": .text(pattern)]), "MergedWithPrevious"))
    }
    return steps.count == 1
      ? steps[0] : .object(["type": .text("Sequence"), "pretokenizers": .list(steps)])
  }

  var postProcessor: JSONTree {
    func sequence(_ name: String, _ type: Int) -> JSONTree {
      .object(["Sequence": .object(["id": .text(name), "type_id": .integer(type)])])
    }
    var (single, pair) = ([sequence("A", 0)], [sequence("A", 0), sequence("B", 1)])
    var special: [(key: [UInt8], value: JSONTree)] = []
    if let bos {
      let piece = JSONTree.text(vocabulary.stored[bos])
      func mark(_ type: Int) -> JSONTree {
        .object(["SpecialToken": .object(["id": piece, "type_id": .integer(type)])])
      }
      single.insert(mark(0), at: 0)
      pair = single + [mark(1), sequence("B", 1)]
      special = [
        (
          vocabulary.stored[bos],
          .object(["id": piece, "ids": .list([.integer(bos)]), "tokens": .list([piece])])
        )
      ]
    }
    return .object([
      "type": .text("TemplateProcessing"), "single": .list(single), "pair": .list(pair),
      "special_tokens": .object(special),
    ])
  }

  var decoder: JSONTree {
    let unknown = escaped(String(decoding: vocabulary.stored[vocabulary.unknown], as: UTF8.self).unicodeScalars)
    var steps: [JSONTree] = [
      .object([
        "type": .text("Replace"), "pattern": .object(["Regex": .text("\\A\(unknown)\\z")]),
        "content": .text(vocabulary.unknownSurface),
      ])
    ]
    if vocabulary.hasByteFallback { steps.append(.object(["type": .text("ByteFallback")])) }
    steps.append(.object(["type": .text("Fuse")]))
    if vocabulary.addsDummyPrefix || vocabulary.stripsSpaces {
      steps.append(
        .object(["type": .text("Strip"), "content": .text(" "), "start": .integer(1), "stop": .integer(0)]))
    }
    return .object(["type": .text("Sequence"), "decoders": .list(steps)])
  }
}
