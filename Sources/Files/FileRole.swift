/// The kind of file that a command expects in a place; the raw value is what messages say was expected.
package enum FileRole: String, CaseIterable, Sendable {
  case model = "a model file"
  case weights = "a model file or weights of another program"
  case state = "a state"
  case tokenizer = "a SentencePiece tokenizer"
  case tokenFile = "a token file"
  case text = "a text"
  case ids = "ids as text"
  case configuration = "a configuration file"
  case prompts = "prompts as JSON lines"
  case benchmark = "what retnet bench prints with --output-format json"
  /// What `retnet info` describes.
  case subject = "a model, weights of another program, a state, a token file or a tokenizer"

  /// The kinds that its reader handles. For a file of unknown kind, the reader says what is wrong.
  private var kinds: Set<FileKind> {
    switch self {
    case .model: [.safetensors, .other]
    case .weights: [.safetensors, .zip, .legacyTorch, .json, .other]
    case .state: [.safetensors, .other]
    case .tokenizer: [.tokenizer, .other]
    case .tokenFile: [.tokenFile, .other]
    case .text: [.text, .otherText, .webPage, .json, .jsonLines, .empty, .other]
    case .ids: [.text, .otherText, .empty, .other]
    case .configuration: [.text, .otherText, .utf16, .json, .empty, .other]
    case .prompts: [.jsonLines, .json, .text, .otherText, .empty, .other]
    case .benchmark: [.json, .text, .otherText, .empty, .other]
    case .subject: [.safetensors, .zip, .legacyTorch, .json, .tokenizer, .tokenFile, .other]
    }
  }

  /// Throws if the file is recognised as something else.
  ///
  /// - Parameter path: The path of a file. Anything but a regular file passes, as does `-`; its reader judges it.
  /// - Throws: `FileError.unexpectedKind`.
  package func check(_ path: String) throws(FileError) {
    if path != "-", let kind = FileKind(path: path) { try check(kind, path) }
  }

  /// Throws if the mapped file is recognised as something else.
  ///
  /// - Parameter file: Any mapped file.
  /// - Returns: What it is.
  /// - Throws: `FileError.unexpectedKind`.
  @discardableResult
  package func check(_ file: MappedFile) throws(FileError) -> FileKind {
    let kind = FileKind(beginning: file.copyBytes(0..<min(file.byteCount, FileKind.beginningByteCount)))
    try check(kind, file.path)
    return kind
  }

  private func check(_ kind: FileKind, _ path: String) throws(FileError) {
    if !kinds.contains(kind) { throw .unexpectedKind(path: path, expected: self, found: kind) }
  }

  /// Suggests what to do with a file of another kind.
  ///
  /// - Parameters:
  ///   - kind: The kind that was found.
  ///   - path: The path of the file.
  /// - Returns: One suggestion, or nil.
  package func hint(found kind: FileKind, _ path: String) -> String? {
    let path = shellWord(path)
    switch (self, kind) {
    case (_, .gzip): return "decompress it first: gunzip \(path)"
    case (_, .bzip2): return "decompress it first: bunzip2 \(path)"
    case (_, .xz): return "decompress it first: unxz \(path)"
    case (_, .zstd): return "decompress it first: unzstd \(path)"
    case (_, .pointer): return "download the file itself, for example with git lfs pull"
    case (_, .webPage): return "the address gave a page about the file; download the file itself"
    case (.model, .pickle), (.weights, .pickle), (.subject, .pickle):
      return "with the program that wrote it, save the weights by PyTorch: torch.save(model.state_dict(), 'model.pt')"
    case (_, .tar):
      return "unpack it first: tar xf \(path); one by PyTorch before 0.1.12 has to be loaded and saved again"
    case (.weights, .torchScript), (.subject, .torchScript):
      return "save the weights alone: torch.save(torch.jit.load('script.pt').state_dict(), 'model.pt')"
    case (_, .foreignArchive): return "unpack it, and give the file in it: unzip \(path)"
    case (.weights, .gguf), (.model, .gguf), (.subject, .gguf):
      return "use the safetensors or PyTorch file that it was made from"
    case (.model, .foreignWeights), (.model, .zip), (.model, .legacyTorch):
      return "convert it to a model file: retnet convert \(path) -o model.safetensors"
    case (.model, .json):
      return "if it is the index of weights in several files: retnet convert \(path) -o model.safetensors"
    case (_, .utf16): return "convert it: iconv -f UTF-16 -t UTF-8 \(path) >new.txt"
    case (.model, .otherText), (.weights, .otherText), (.subject, .otherText):
      return "it may be a text in another encoding than UTF-8: iconv -f LATIN1 -t UTF-8 \(path)"
    case (.model, _), (.weights, _): return Self.hintForModel(found: kind, path)
    case (.state, .model): return "write one with: retnet generate -m \(path) --state-out FILE"
    case (.state, _): return "write one with: retnet generate -m MODEL --state-out FILE"
    case (.tokenizer, .text), (.tokenizer, .jsonLines):
      return "train one on text: retnet tokenize train --input \(path) --vocab-size 4096 -o tokenizer.model"
    case (.tokenizer, .json):
      return "use SentencePiece's tokenizer.model, not the tokenizer.json of other programs"
    case (.tokenizer, _):
      return "train one on text: retnet tokenize train --input TEXT --vocab-size 4096 -o tokenizer.model"
    case (.tokenFile, .text), (.tokenFile, .json), (.tokenFile, .jsonLines):
      return "pack it first: retnet tokenize pack -m tokenizer.model --input \(path) -o train.tokens"
    case (.tokenFile, _):
      return "make one from text: retnet tokenize pack -m tokenizer.model --input TEXT -o train.tokens"
    case (.text, .tokenFile): return "'retnet eval', 'retnet verify' and 'retnet train' read token files"
    case (.text, _): return "give a plain text file"
    case (.ids, _): return "'retnet tokenize encode' prints ids"
    case (.configuration, _): return "a configuration file is YAML; the folder configs has examples"
    case (.subject, .text), (.subject, .jsonLines): return Self.hintForModel(found: kind, path)
    case (.prompts, _), (.benchmark, _), (.subject, _): return nil
    }
  }

  private static func hintForModel(found kind: FileKind, _ path: String) -> String? {
    switch kind {
    case .tokenizer: "a tokenizer encodes texts: retnet tokenize encode -m \(path); 'retnet train' makes models"
    case .text, .jsonLines, .tokenFile: "measure it with a model: retnet eval -m MODEL \(path)"
    case .state: "resume from a state with: retnet generate -m MODEL --state-in \(path)"
    case .trainingState: "the model is next to it, under the same name without '.training-state'"
    default: nil
    }
  }
}

/// Quotes a path for a shell where needed.
private func shellWord(_ path: String) -> String {
  func isPlain(_ byte: UInt8) -> Bool {
    let character = Character(UnicodeScalar(byte))
    return byte >= 0x80 || character.isLetter || character.isNumber || "/._-+,:=@%".contains(character)
  }
  return !path.isEmpty && path.utf8.allSatisfy(isPlain) ? path : "'" + path.replacing("'", with: #"'\''"#) + "'"
}
