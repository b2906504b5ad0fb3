internal import Glibc

/// The kind of a file, recognised by its content and never by its name; the raw value is what messages call it.
package enum FileKind: String, CaseIterable, Sendable {
  // Recognised by the first bytes.
  case empty = "an empty file"
  case safetensors = "a safetensors file"
  case zip = "a zip archive"
  case gzip = "a file compressed with gzip"
  case bzip2 = "a file compressed with bzip2"
  case xz = "a file compressed with xz"
  case zstd = "a file compressed with zstd"
  case tar = "a tar archive"
  case image = "an image"
  case pdf = "a PDF document"
  case program = "a program (ELF)"
  case numpy = "a NumPy array"
  case torchTar = "a PyTorch file in the format before 0.1.12 (a tar archive)"
  case legacyTorch = "a PyTorch file in the format before 1.6"
  case pickle = "a pickle that PyTorch did not write"
  case gguf = "a GGUF file"
  case ggml = "a GGML file, as before GGUF"
  case llamafile = "a llamafile, a program with a model in it"
  case hdf5 = "an HDF5 file, as Keras writes it"
  case tensorFlow = "a TensorFlow file"
  case onnx = "an ONNX file"
  case messagePack = "a MessagePack file, as Flax writes it"
  case pointer = "a Git LFS pointer, which stands for a file that was not downloaded"
  case unfinished = "aria2's notes on an unfinished download"
  case zeros = "a file of zeros"
  case serverError = "an error message of a server"
  case webPage = "a web page (HTML)"
  case json = "a JSON file"
  case jsonLines = "JSON lines"
  case tokenizer = "a SentencePiece tokenizer"
  case tokenizerFile = "a tokenizer.json of Hugging Face"
  case tokenFile = "a token file"
  case binTokenFile = "token ids of llm.c (.bin)"
  case text = "a text"
  case utf16 = "a text in UTF-16"
  case otherText = "a text that is not UTF-8"
  case other = "bytes of no known kind"

  // Recognised by what is inside.
  case model = "a model file"
  case state = "a state"
  case trainingState = "a training state"
  case foreignWeights = "weights of another program"
  case foreignArchive = "a zip archive not written by PyTorch"
  case torchScript = "a TorchScript archive, which holds a program"

  /// The number of bytes that are looked at.
  package static let beginningByteCount = 4096

  /// Recognises a file by its first bytes.
  ///
  /// - Parameter bytes: The first `beginningByteCount` bytes, or all if there are fewer.
  package init(beginning bytes: [UInt8]) {
    let start = FileBeginning(bytes)
    if bytes.isEmpty {
      self = .empty
    } else if let kind = start.kindByMagic {
      self = kind
    } else if start.isTokenizer {
      self = .tokenizer
    } else if let kind = start.kindByStructure {
      self = kind
    } else if start.isText {
      self = start.kindOfText
    } else {
      self = start.isOtherText ? .otherText : .other
    }
  }

  /// Whether more bytes must be known to tell if these begin a compressed file.
  static func mayBeCompressed(_ bytes: ArraySlice<UInt8>) -> Bool {
    FileBeginning.compressionMagics.contains { $0.bytes.count > bytes.count && $0.bytes.starts(with: bytes) }
  }

  /// Recognises a regular file by its path. Nil for anything else and for unreadable files; their reader reports that.
  package init?(path: String) {
    // Opening and closing a pipe would end the process that writes into it.
    guard let found = try? status(at: path), found.isRegularFile,
      let descriptor = try? openDescriptor(path, O_RDONLY | O_NONBLOCK)
    else { return nil }
    defer { close(descriptor) }
    guard let status = try? status(of: descriptor), status.isRegularFile else { return nil }
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: Self.beginningByteCount)
    while bytes.count < Self.beginningByteCount, let count = try? readSome(descriptor, into: &block), count > 0 {
      bytes += block[..<count]
    }
    self.init(beginning: Array(bytes.prefix(Self.beginningByteCount)))
  }
}
