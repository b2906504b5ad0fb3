internal import FoundationEssentials

/// Encodes a value as JSON with sorted keys: equal values give equal bytes.
///
/// - Parameters:
///   - value: Consists of what JSON can hold.
///   - isIndented: Whether it takes several lines; else it takes one.
/// - Returns: The text, without a newline at the end.
/// - Throws: What the value throws when it is encoded, and `EncodingError` for a number that is not finite.
package func sortedJSON(_ value: some Encodable, isIndented: Bool = false) throws -> String {
  let encoder = JSONEncoder()
  encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
  if isIndented { encoder.outputFormatting.insert(.prettyPrinted) }
  return String(decoding: try encoder.encode(value), as: UTF8.self)
}
