extension Tokenizer {
  /// How text is split into pieces: a `ModelType`, or `byte_level_bpe`.
  package var algorithmName: String {
    switch algorithm {
    case .sentencePiece(let vocabulary): vocabulary.modelType.rawValue
    case .byteLevel: "byte_level_bpe"
    }
  }

  /// Whether text that no piece covers becomes byte pieces; byte-level BPE has no such text.
  package var hasByteFallback: Bool {
    switch algorithm {
    case .sentencePiece(let vocabulary): vocabulary.hasByteFallback
    case .byteLevel: false
    }
  }

  /// The name of the normalisation rules; `identity` changes nothing.
  package var normalization: String {
    switch algorithm {
    case .sentencePiece(let vocabulary): vocabulary.normalization
    case .byteLevel(let vocabulary): vocabulary.composes ? "nfc" : "identity"
    }
  }

  /// Whether decoding restores the words of a text, unless an id is the unknown piece.
  package var keepsWords: Bool {
    switch algorithm {
    case .sentencePiece(let vocabulary): !vocabulary.normalizesSpaces && vocabulary.modelType != .word
    // Composition keeps spaces, but a prefix space may split a word behind an added token.
    case .byteLevel(let vocabulary): !vocabulary.addsPrefixSpace
    }
  }

  /// What the model is called in a folder.
  package var fileName: String {
    switch algorithm {
    case .sentencePiece: "tokenizer.model"
    case .byteLevel: "tokenizer.json"
    }
  }
}
