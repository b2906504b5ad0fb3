/// What a file is, told by its first bytes and never by its name.
enum ContainerKind: Equatable {
  case safetensors
  case zip
  case shardIndex
  case unreadable(UnreadableContainer)

  /// As many bytes as are looked at.
  static let beginningByteCount = 512

  /// Recognises a file; what is not recognised counts as safetensors, whose reader says what is wrong.
  ///
  /// - Parameter bytes: The first `beginningByteCount` bytes, or all if there are fewer.
  init(beginning bytes: [UInt8]) {
    func matches(_ pattern: some Sequence<UInt8>, at offset: Int = 0) -> Bool {
      offset <= bytes.count && bytes[offset...].starts(with: pattern)
    }
    // A header is shorter than 2^32 bytes, so four zeros precede its brace: no other kind has them there.
    if matches([0, 0, 0, 0, UInt8(ascii: "{")], at: 4) {
      self = .safetensors
    } else if matches("PK\u{3}\u{4}".utf8) || matches("PK\u{5}\u{6}".utf8) {
      self = .zip
    } else if bytes.first(where: { !" \n\r\t".utf8.contains($0) }) == UInt8(ascii: "{") {
      self = .shardIndex
    } else if matches([0x80]) && bytes.count > 1 && (2...5).contains(bytes[1]) && !matches([0, 0, 0], at: 2) {
      self = .unreadable(.legacyPickle)
    } else if matches("ustar".utf8, at: 257) {
      self = .unreadable(.tar)
    } else if matches("GGUF".utf8) {
      self = .unreadable(.gguf)
    } else if matches("version https://git-lfs".utf8) {
      self = .unreadable(.pointer)
    } else {
      self = .safetensors
    }
  }
}
