internal import FoundationEssentials

/// JSON that is nested more deeply than any that the program writes or needs.
package struct JSONNestingError: Error, Equatable, CustomStringConvertible {
  package let description = "expected JSON nested at most \(Self.limit) deep, found more"

  static let limit = 256
}

/// Decodes JSON from outside.
///
/// - Parameters:
///   - type: What to decode.
///   - bytes: UTF-8, or anything.
/// - Returns: The value.
/// - Throws: `JSONNestingError`; `DecodingError`.
package func decodedJSON<Value: Decodable>(_ type: Value.Type, from bytes: some Collection<UInt8>) throws -> Value {
  try checkNesting(ofJSON: bytes)
  return try JSONDecoder().decode(type, from: Data(bytes))
}

/// Throws if lists and objects are nested too deeply: Foundation's decoder ends the process on some of these
/// (docs/WORKAROUNDS.md).
///
/// - Parameter bytes: JSON, or anything.
/// - Throws: `JSONNestingError`.
package func checkNesting(ofJSON bytes: some Sequence<UInt8>) throws(JSONNestingError) {
  var (depth, isText, isEscaped) = (0, false, false)
  for byte in bytes {
    if isText {
      if isEscaped {
        isEscaped = false
      } else if byte == UInt8(ascii: "\\") {
        isEscaped = true
      } else if byte == UInt8(ascii: "\"") {
        isText = false
      }
      continue
    }
    switch byte {
    case UInt8(ascii: "\""): isText = true
    case UInt8(ascii: "["), UInt8(ascii: "{"):
      depth += 1
      if depth > JSONNestingError.limit { throw JSONNestingError() }
    case UInt8(ascii: "]"), UInt8(ascii: "}"): depth -= 1
    default: break
    }
  }
}
