/// Writes the Protocol Buffers wire format, as far as TensorBoard events need it. Fields are written in the order of
/// the calls.
///
/// Source: https://protobuf.dev/programming-guides/encoding.
struct ProtobufWriter {
  private(set) var bytes: [UInt8] = []

  /// How a field's value is encoded.
  private enum WireType: UInt64 {
    case varint = 0
    case fixed64 = 1
    case lengthDelimited = 2
    case fixed32 = 5
  }

  /// An integer, enumeration or boolean.
  mutating func write(_ field: UInt64, varint value: UInt64) {
    key(field, .varint)
    varint(value)
  }

  mutating func write(_ field: UInt64, double value: Double) {
    key(field, .fixed64)
    bytes += littleEndian(value.bitPattern)
  }

  mutating func write(_ field: UInt64, float value: Float) {
    key(field, .fixed32)
    bytes += littleEndian(value.bitPattern)
  }

  /// A nested message.
  mutating func write(_ field: UInt64, message: ProtobufWriter) { write(field, message.bytes) }

  mutating func write(_ field: UInt64, text: String) { write(field, Array(text.utf8)) }

  private mutating func write(_ field: UInt64, _ content: [UInt8]) {
    key(field, .lengthDelimited)
    varint(UInt64(content.count))
    bytes += content
  }

  private mutating func key(_ field: UInt64, _ type: WireType) { varint(field << 3 | type.rawValue) }

  /// Writes a varint: seven bits per byte, lowest first; the eighth bit says that more bytes follow.
  private mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }
}

/// The bytes of a number, lowest first.
func littleEndian<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
  (0..<Number.bitWidth / 8).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
}
