// Foundation's composed strings are wrong for some characters: docs/WORKAROUNDS.md.
@_spi(_Unicode) internal import Swift

/// A text in Unicode's normalization form C, as PyPI's `tokenizers` computes it.
///
/// Its tables are those of Unicode 9. A later character stays as it is and separates its neighbours.
///
/// - Parameter text: Valid UTF-8.
/// - Returns: Valid UTF-8; the same bytes if nothing changes.
func composed(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
  // The bytes of characters below U+0300.
  if text.allSatisfy({ $0 < 0xCC }) { return text }
  let scalars = String(decoding: text, as: UTF8.self).unicodeScalars
  if scalars.allSatisfy(isComposed) { return text }
  var result = ""
  for run in scalars.split(maxSplits: .max, omittingEmptySubsequences: false, whereSeparator: isLater) {
    result.unicodeScalars.append(contentsOf: String(run)._nfc)
    if run.endIndex < scalars.endIndex { result.unicodeScalars.append(scalars[run.endIndex]) }
  }
  return Array(result.utf8)[...]
}

/// Whether a character never changes beside others for which this holds.
private func isComposed(_ character: Unicode.Scalar) -> Bool {
  switch character.value {
  // Latin; dashes and quotation marks; Chinese, Japanese and Korean punctuation, ideographs and syllables.
  case 0..<0x300, 0x2010...0x2027, 0x3000...0x3029, 0x3400...0x9FFF, 0xAC00...0xD7A3, 0xFF00...0xFF60: true
  default: false
  }
}

private func isLater(_ character: Unicode.Scalar) -> Bool {
  guard let age = character.properties.age else { return false }
  return age.major > 9
}
