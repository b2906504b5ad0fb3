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
  case legacyTorch = "a PyTorch file in the format before 1.6"
  case pickle = "a pickle that PyTorch did not write"
  case gguf = "a GGUF file"
  case pointer = "a Git LFS pointer, which stands for a file that was not downloaded"
  case webPage = "a web page (HTML)"
  case json = "a JSON file"
  case jsonLines = "JSON lines"
  case tokenizer = "a SentencePiece tokenizer"
  case tokenFile = "a token file"
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
    } else if start.isText {
      self = start.isWebPage ? .webPage : !start.isJSON ? .text : start.isJSONLines ? .jsonLines : .json
    } else {
      self = start.isOtherText ? .otherText : .other
    }
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

/// The first bytes of a file, with the tests that tell kinds apart.
private struct FileBeginning {
  private let bytes: [UInt8]

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  private func matches(_ pattern: some Sequence<UInt8>, at offset: Int = 0) -> Bool {
    offset <= bytes.count && bytes[offset...].starts(with: pattern)
  }

  /// The kinds that start with magic bytes.
  var kindByMagic: FileKind? {
    // A header is shorter than 2^32 bytes, so four zeros precede its brace. No other kind has them there.
    if matches([0, 0, 0, 0, UInt8(ascii: "{")], at: 4) { return .safetensors }
    let magics: [(kind: FileKind, bytes: [UInt8])] = [
      (.zip, Array("PK\u{3}\u{4}".utf8)), (.zip, Array("PK\u{5}\u{6}".utf8)), (.gzip, [0x1F, 0x8B]),
      (.bzip2, Array("BZh".utf8)), (.xz, [0xFD] + Array("7zXZ\u{0}".utf8)), (.zstd, [0x28, 0xB5, 0x2F, 0xFD]),
      (.gguf, Array("GGUF".utf8)), (.pointer, Array("version https://git-lfs".utf8)),
      (.tokenFile, Array("RNTOKENS".utf8)), (.image, [0x89] + Array("PNG".utf8)), (.image, [0xFF, 0xD8, 0xFF]),
      (.image, Array("GIF8".utf8)), (.pdf, Array("%PDF-".utf8)), (.program, [0x7F] + Array("ELF".utf8)),
      (.numpy, [0x93] + Array("NUMPY".utf8)),
    ]
    if let found = magics.first(where: { matches($0.bytes) }) { return found.kind }
    if matches("ustar".utf8, at: 257) { return .tar }
    // A byte order mark and one more character. Pairs of bytes that start or end with zero occur in no other text.
    if matches([0xFF, 0xFE]) && bytes.count > 3 && bytes[3] == 0
      || matches([0xFE, 0xFF]) && bytes.count > 3 && bytes[2] == 0
    {
      return .utf16
    }
    let isPickle = matches([0x80]) && bytes.count > 1 && (2...5).contains(bytes[1]) && !matches([0, 0, 0], at: 2)
    return !isPickle ? nil : isLegacyTorch ? .legacyTorch : .pickle
  }

  /// Whether the first pickle is PyTorch's magic number; protocol 4 may have a frame before it.
  private var isLegacyTorch: Bool {
    let number: [UInt8] = [0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19]
    return matches(number, at: matches([0x95], at: 2) ? 11 : 2)
  }

  /// Whether this is a protobuf message that starts with a piece: field 1, whose field 1 is text and whose field 2 is a
  /// Float32.
  var isTokenizer: Bool {
    guard bytes.count > 4, bytes[0] == 0x0A, bytes[2] == 0x0A else { return false }
    let scorePlace = 4 + Int(bytes[3])
    return scorePlace + 5 <= 2 + Int(bytes[1]) && scorePlace < bytes.count && bytes[scorePlace] == 0x15
  }

  /// Whether this is text in some other encoding: no control characters, and mostly ASCII bytes.
  var isOtherText: Bool {
    isPlain && bytes.count >= 16 && 2 * bytes.count(where: { $0 >= 0x80 }) < bytes.count
  }

  private var isPlain: Bool {
    bytes.allSatisfy { $0 >= 0x20 && $0 != 0x7F || (0x08...0x0D).contains($0) || $0 == 0x1B }
  }

  /// Whether this is UTF-8 without control characters that are unusual in text. The last character may be cut.
  var isText: Bool {
    guard isPlain else { return false }
    let cut = bytes.count < FileKind.beginningByteCount ? 0 : 3
    return (0...cut).contains { String(validating: bytes.dropLast($0), as: UTF8.self) != nil }
  }

  /// The bytes from the first that is neither white space nor part of a byte order mark.
  private var content: ArraySlice<UInt8> {
    (matches([0xEF, 0xBB, 0xBF]) ? bytes.dropFirst(3) : bytes[...]).drop { " \n\r\t".utf8.contains($0) }
  }

  var isWebPage: Bool {
    let start = String(decoding: content.prefix(16), as: UTF8.self).lowercased()
    return ["<!doctype html", "<html", "<head", "<?xml"].contains { start.hasPrefix($0) }
  }

  /// Whether this is an object, or a list of objects.
  var isJSON: Bool {
    guard let first = content.first, let next = content.dropFirst().first(where: { !" \n\r\t".utf8.contains($0) })
    else { return false }
    if first == UInt8(ascii: "{") { return "\"}".utf8.contains(next) }
    return first == UInt8(ascii: "[") && "{]".utf8.contains(next)
  }

  /// Whether the first line is an object and the next line starts another one.
  var isJSONLines: Bool {
    guard let end = content.firstIndex(of: UInt8(ascii: "\n")) else { return false }
    let last = content[..<end].last { !" \r\t".utf8.contains($0) }
    let next = content[end...].first { !" \n\r\t".utf8.contains($0) }
    return last == UInt8(ascii: "}") && next == UInt8(ascii: "{")
  }
}
