extension SafetensorsHeader {
  /// The start of a safetensors file: the length and the JSON text, names sorted, padded to a multiple of eight bytes.
  ///
  /// - Parameters:
  ///   - tensors: The tensors, in the order of their data.
  ///   - metadata: Text entries; left out if there are none.
  /// - Returns: All bytes before the data; nil if the text would exceed the limit of readers.
  static func bytes(tensors: [TensorDescription], metadata: [String: String]) -> [UInt8]? {
    var members: [(name: String, value: String)] = []
    var begin = 0
    for tensor in tensors {
      let end = begin + tensor.byteCount
      let shape = tensor.shape.map(String.init).joined(separator: ",")
      let value = "{\"data_offsets\":[\(begin),\(end)],\"dtype\":\"\(tensor.dataType.rawValue)\",\"shape\":[\(shape)]}"
      members.append((tensor.name, value))
      begin = end
    }
    members.sort { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    if !metadata.isEmpty {
      let entries = metadata.map { ($0.key, jsonString($0.value)) }
      let sorted = entries.sorted { $0.0.utf8.lexicographicallyPrecedes($1.0.utf8) }
      members.insert((metadataName, jsonObject(sorted)), at: 0)
    }
    var text = Array(jsonObject(members).utf8)
    text += repeatElement(UInt8(ascii: " "), count: (8 - text.count % 8) % 8)
    guard text.count <= textByteLimit else { return nil }
    return (0..<prefixByteCount).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) } + text
  }

  private static func jsonObject(_ members: [(name: String, value: String)]) -> String {
    "{" + members.map { "\(jsonString($0.name)):\($0.value)" }.joined(separator: ",") + "}"
  }

  // RFC 8259 §7: quotation mark, backslash and control characters must be escaped, nothing else.
  private static func jsonString(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\":
        result.unicodeScalars.append("\\")
        result.unicodeScalars.append(scalar)
      case "\u{0}"..<"\u{20}":
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default:
        result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
