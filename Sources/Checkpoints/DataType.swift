/// The element types of safetensors files, with the names used in their headers.
package enum DataType: String, CaseIterable, Sendable {
  case bool = "BOOL"
  case u8 = "U8"
  case i8 = "I8"
  case u16 = "U16"
  case i16 = "I16"
  case u32 = "U32"
  case i32 = "I32"
  case u64 = "U64"
  case i64 = "I64"
  case f16 = "F16"
  case bf16 = "BF16"
  case f32 = "F32"
  case f64 = "F64"
  /// A pair of Float32: real, imaginary.
  case c64 = "C64"
  case f8E5M2 = "F8_E5M2"
  case f8E4M3 = "F8_E4M3"
  case f8E8M0 = "F8_E8M0"
  case f8E4M3FNUZ = "F8_E4M3FNUZ"
  case f8E5M2FNUZ = "F8_E5M2FNUZ"
  case f6E2M3 = "F6_E2M3"
  case f6E3M2 = "F6_E3M2"
  case f4 = "F4"

  /// The width of one element in bits; elements narrower than a byte are packed without gaps.
  package var bitCount: Int {
    switch self {
    case .f4: 4
    case .f6E2M3, .f6E3M2: 6
    case .bool, .u8, .i8, .f8E5M2, .f8E4M3, .f8E8M0, .f8E4M3FNUZ, .f8E5M2FNUZ: 8
    case .u16, .i16, .f16, .bf16: 16
    case .u32, .i32, .f32: 32
    case .u64, .i64, .f64, .c64: 64
    }
  }

  /// The number of bytes that a tensor of this type takes.
  ///
  /// - Parameter shape: The sizes; `[]` means one element.
  /// - Returns: Product · bits / 8. Nil if a size is negative, if the product (from the left) or the number of bits
  ///   exceeds 2^63 − 1, or if the bits do not fill whole bytes.
  package func byteCount(ofShape shape: [Int]) -> Int? {
    var bits = 1
    for size in shape + [bitCount] {
      let (product, overflow) = bits.multipliedReportingOverflow(by: size)
      if size < 0 || overflow { return nil }
      bits = product
    }
    return bits % 8 == 0 ? bits / 8 : nil
  }
}
