/// Reads the fields of one protocol buffer message.
///
/// Source: protobuf.dev, "Encoding". Groups are refused, because no SentencePiece message has them.
struct ProtobufReader {
  /// The value of a field in the wire format.
  enum Value {
    case varint(UInt64)
    case fixed64
    case bytes(Range<Int>)
    case fixed32(UInt32)
  }

  private let bytes: [UInt8]
  private let end: Int
  /// Where the next field begins.
  private(set) var position: Int

  /// - Precondition: The range lies within the bytes.
  init(_ bytes: [UInt8], in range: Range<Int>) {
    precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count, "protobuf: \(range) of \(bytes.count) bytes")
    self.bytes = bytes
    position = range.lowerBound
    end = range.upperBound
  }

  /// The next field, or nil at the end of the message.
  mutating func next() throws(ModelProblem) -> (number: Int, value: Value)? {
    guard position < end else { return nil }
    let key = try varint()
    guard key >> 3 > 0, key >> 32 == 0 else { throw ModelProblem("field number out of range at byte \(position)") }
    let number = Int(key >> 3)
    switch key & 7 {
    case 0:
      return (number, .varint(try varint()))
    case 1:
      _ = try skip(8)
      return (number, .fixed64)
    case 2:
      let count = try varint()
      guard count <= UInt64(end - position) else { throw ModelProblem("field \(number) is cut at byte \(position)") }
      return (number, .bytes(try skip(Int(count))))
    case 5:
      let range = try skip(4)
      return (number, .fixed32(littleEndian(bytes[range])))
    default:
      throw ModelProblem("unknown wire type at byte \(position)")
    }
  }

  private mutating func skip(_ count: Int) throws(ModelProblem) -> Range<Int> {
    guard count <= end - position else { throw ModelProblem("the message is cut at byte \(position)") }
    defer { position += count }
    return position..<position + count
  }

  private mutating func varint() throws(ModelProblem) -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: 0, to: 64, by: 7) {
      guard position < end else { throw ModelProblem("the message is cut at byte \(position)") }
      let byte = bytes[position]
      position += 1
      value |= UInt64(byte & 0x7F) << UInt64(shift)
      if byte & 0x80 == 0 { return value }
    }
    throw ModelProblem("a number is too long at byte \(position)")
  }
}

/// Why a model is refused: it is no valid protocol buffer message, or it is unsafe for SentencePiece.
package struct ModelProblem: Error {
  package let reason: String

  init(_ reason: String) { self.reason = reason }
}

/// The 32-bit integer in these bytes, least significant byte first.
func littleEndian(_ bytes: ArraySlice<UInt8>) -> UInt32 {
  bytes.reversed().reduce(0) { $0 << 8 | UInt32($1) }
}
