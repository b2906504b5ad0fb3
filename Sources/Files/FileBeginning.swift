/// The first bytes of a file, with the tests that tell kinds apart.
struct FileBeginning {
  let bytes: [UInt8]

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  func matches(_ pattern: some Sequence<UInt8>, at offset: Int = 0) -> Bool {
    offset <= bytes.count && bytes[offset...].starts(with: pattern)
  }

  /// The magic bytes of the compressed files that are decompressed where a text is read.
  static let compressionMagics: [(kind: FileKind, bytes: [UInt8])] = [
    (.gzip, [0x1F, 0x8B]), (.xz, [0xFD] + Array("7zXZ\u{0}".utf8)), (.zstd, [0x28, 0xB5, 0x2F, 0xFD]),
  ]

  /// The kinds that start with magic bytes.
  var kindByMagic: FileKind? {
    // A header is shorter than 2^32 bytes, so four zeros precede its brace. No other kind has them there.
    if matches([0, 0, 0, 0, UInt8(ascii: "{")], at: 4) { return .safetensors }
    let magics: [(kind: FileKind, bytes: [UInt8])] = [
      (.zip, Array("PK\u{3}\u{4}".utf8)), (.zip, Array("PK\u{5}\u{6}".utf8)), (.bzip2, Array("BZh".utf8)),
      (.gguf, Array("GGUF".utf8)), (.pointer, Array("version https://git-lfs".utf8)),
      (.tokenFile, Array("RNTOKENS".utf8)), (.image, [0x89] + Array("PNG".utf8)), (.image, [0xFF, 0xD8, 0xFF]),
      (.image, Array("GIF8".utf8)), (.pdf, Array("%PDF-".utf8)), (.program, [0x7F] + Array("ELF".utf8)),
      (.numpy, [0x93] + Array("NUMPY".utf8)), (.hdf5, [0x89] + Array("HDF\r\n".utf8)),
      (.ggml, Array("lmgg".utf8)), (.ggml, Array("fmgg".utf8)), (.ggml, Array("tjgg".utf8)),
      (.llamafile, Array("MZqFpD='".utf8)), (.binTokenFile, [0x88, 0xD8, 0x34, 0x01, 1, 0, 0, 0]),
      (.binTokenFile, [0xA1, 0xD9, 0x34, 0x01, 7, 0, 0, 0]),
    ]
    if let found = (Self.compressionMagics + magics).first(where: { matches($0.bytes) }) { return found.kind }
    if matches("ustar".utf8, at: 257) { return matches("sys_info\0".utf8) ? .torchTar : .tar }
    if matches("TFL3".utf8, at: 4) { return .tensorFlow }
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

  /// Whether this starts as PyPI's `tokenizers` writes its files.
  private var isTokenizerFile: Bool {
    let start = content.prefix(256).filter { !" \n\r\t".utf8.contains($0) }
    return start.starts(with: #"{"version":"1.0","truncation":"#.utf8)
  }

  /// The kind of a text.
  var kindOfText: FileKind {
    if isWebPage { return .webPage }
    if isTokenizerFile { return .tokenizerFile }
    if isServerError { return .serverError }
    return !isJSON ? .text : isJSONLines ? .jsonLines : .json
  }

  private var isWebPage: Bool {
    let start = String(decoding: content.prefix(16), as: UTF8.self).lowercased()
    return ["<!doctype html", "<html", "<head", "<?xml"].contains { start.hasPrefix($0) }
  }

  /// Whether this is all that Hugging Face, GitHub or their like answered instead of a file.
  private var isServerError: Bool {
    guard bytes.count < 1024, !isJSONLines else { return false }
    let text = String(decoding: content, as: UTF8.self).filter { !$0.isWhitespace }.lowercased()
    let answers = [
      "{\"error\":", "{\"message\":\"notfound\"", "entrynotfound", "repositorynotfound", "notfound", "404:notfound",
      "invalidusernameorpassword", "accesstomodel", "unauthorized",
    ]
    return answers.contains { text.hasPrefix($0) && ($0.hasPrefix("{") || text.utf8.count < $0.utf8.count + 200) }
  }

  /// Whether this is an object, or a list of objects.
  private var isJSON: Bool {
    guard let first = content.first, let next = content.dropFirst().first(where: { !" \n\r\t".utf8.contains($0) })
    else { return false }
    if first == UInt8(ascii: "{") { return "\"}".utf8.contains(next) }
    return first == UInt8(ascii: "[") && "{]".utf8.contains(next)
  }

  /// Whether the first line is an object and the next line starts another one.
  private var isJSONLines: Bool {
    guard let end = content.firstIndex(of: UInt8(ascii: "\n")) else { return false }
    let last = content[..<end].last { !" \r\t".utf8.contains($0) }
    let next = content[end...].first { !" \n\r\t".utf8.contains($0) }
    return last == UInt8(ascii: "}") && next == UInt8(ascii: "{")
  }
}
