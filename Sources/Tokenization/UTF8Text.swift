/// Whether bytes are valid UTF-8.
func isUTF8(_ bytes: ArraySlice<UInt8>) -> Bool {
  firstInvalidUTF8(bytes.span) == nil
}

/// The first byte sequence that is not UTF-8, or nil.
///
/// A character that is cut off at the end counts too.
func firstInvalidUTF8(_ bytes: Span<UInt8>) -> Range<Int>? {
  do {
    _ = try UTF8Span(validating: bytes)
    return nil
  } catch {
    return error.byteOffsets
  }
}

/// The number of bytes (at most three) at the end that start an incomplete UTF-8 character.
///
/// - Parameter bytes: Any bytes.
/// - Returns: 0 if a character ends there, or if what is there cannot become one.
package func incompleteCharacterByteCount(_ bytes: ArraySlice<UInt8>) -> Int {
  for count in 1..<4 where count <= bytes.count {
    let tail = bytes.suffix(count)
    guard let lead = tail.first, lead >= 0x80 else { return 0 }
    if lead < 0xC0 { continue }
    let isPossible = count == 1 || secondBytes(after: lead).contains(tail[tail.startIndex + 1])
    let length = lead < 0xC2 || lead > 0xF4 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4
    return isPossible && count < length ? count : 0
  }
  return 0
}

// Unicode, table 3-7: overlong forms, surrogates and values beyond U+10FFFF are not well-formed.
private func secondBytes(after lead: UInt8) -> ClosedRange<UInt8> {
  switch lead {
  case 0xE0: 0xA0...0xBF
  case 0xED: 0x80...0x9F
  case 0xF0: 0x90...0xBF
  case 0xF4: 0x80...0x8F
  default: 0x80...0xBF
  }
}
