extension FileRole {
  /// Suggests what to do with a file of another kind.
  ///
  /// - Parameters:
  ///   - kind: The kind that was found.
  ///   - path: The path of the file.
  /// - Returns: One suggestion, or nil.
  package func hint(found kind: FileKind, _ path: String) -> String? {
    let path = shellWord(path)
    if let hint = Self.hintForAnyRole(found: kind, path) { return hint }
    switch (self, kind) {
    case (.model, .foreignWeights), (.model, .zip), (.model, .legacyTorch):
      return "convert it to a model file: retnet convert \(path) -o model.safetensors"
    case (.model, .json):
      return "if it is the index of weights in several files: retnet convert \(path) -o model.safetensors"
    case (.model, _), (.weights, _), (.subject, _): return Self.hintForWeights(found: kind, path)
    case (.state, .model): return "write one with: retnet generate -m \(path) --state-out FILE"
    case (.state, _): return "write one with: retnet generate -m MODEL --state-out FILE"
    case (.tokenizer, .text), (.tokenizer, .jsonLines):
      return "train one on text: retnet tokenize train --input \(path) --vocab-size 4096 -o tokenizer.model"
    case (.tokenizer, _):
      return "train one on text: retnet tokenize train --input TEXT --vocab-size 4096 -o tokenizer.model"
    case (.tokenFile, .text), (.tokenFile, .json), (.tokenFile, .jsonLines):
      return "pack it first: retnet tokenize pack -m tokenizer.model --input \(path) -o train.tokens"
    case (.tokenFile, _):
      return "make one from text: retnet tokenize pack -m tokenizer.model --input TEXT -o train.tokens"
    case (.binTokens, .tokenFile): return "it needs no import; export writes the ids for other programs"
    case (.binTokens, _): return "files of nanoGPT have no header and need --format nanogpt"
    case (.text, .tokenFile): return "'retnet eval', 'retnet verify' and 'retnet train' read token files"
    case (.text, _): return "give a plain text file"
    case (.ids, _): return "'retnet tokenize encode' prints ids"
    case (.configuration, _): return "a configuration file is YAML; the folder configs has examples"
    case (.dictionary, _), (.prompts, _), (.rows, _), (.evaluation, _), (.settings, _), (.logits, _), (.benchmark, _):
      return nil
    }
  }

  private static func hintForAnyRole(found kind: FileKind, _ path: String) -> String? {
    switch kind {
    case .gzip: "decompress it first: gunzip \(path)"
    case .bzip2: "decompress it first: bunzip2 \(path)"
    case .xz: "decompress it first: unxz \(path)"
    case .zstd: "decompress it first: unzstd \(path)"
    case .tar: "unpack it first: tar xf \(path)"
    case .foreignArchive: "unpack it, and give the file in it: unzip \(path)"
    case .pointer: "download the file itself, for example with git lfs pull"
    case .webPage: "the address gave a page about the file; download the file itself"
    case .serverError: "the server refused the download: check the name, and whether it needs a login"
    case .unfinished: "finish the download, and give the file that it belongs to"
    case .empty, .zeros: "copy or download it again"
    case .binTokenFile:
      "make a token file of it: retnet tokenize import -m TOKENIZER --input \(path) -o train.tokens"
    case .utf16: "convert it: iconv -f UTF-16 -t UTF-8 \(path) >new.txt"
    default: nil
    }
  }

  private static func hintForWeights(found kind: FileKind, _ path: String) -> String? {
    switch kind {
    case .pickle:
      "with the program that wrote it, save the weights by PyTorch: torch.save(model.state_dict(), 'model.pt')"
    case .torchTar:
      "if you trust it, save it again: torch.save(torch.load('old.pt', weights_only=False), 'model.pt')"
    case .torchScript: "save the weights alone: torch.save(torch.jit.load('script.pt').state_dict(), 'model.pt')"
    case .gguf, .ggml, .llamafile, .onnx: "use the safetensors or PyTorch file that it was made from"
    case .hdf5, .tensorFlow: "save it by PyTorch, for example with transformers: from_pretrained(…, from_tf=True)"
    case .messagePack: "save it by PyTorch, for example with transformers: from_pretrained(…, from_flax=True)"
    case .otherText: "it may be a text in another encoding than UTF-8: iconv -f LATIN1 -t UTF-8 \(path)"
    case .tokenizer, .tokenizerFile:
      "a tokenizer encodes texts: retnet tokenize encode -m \(path); 'retnet train' makes models"
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
