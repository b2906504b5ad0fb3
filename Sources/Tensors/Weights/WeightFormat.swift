/// The format of a weight matrix in memory while a model runs.
package enum WeightFormat: String, CaseIterable, Sendable {
  case float32 = "f32"
  case bfloat16 = "bf16"
  /// Blocks of 32 numbers along the input, each an Int8, with a Float16 scale per block.
  case q8_0
  /// The same blocks with four bits per number.
  case q4_0

  /// Numbers that share a scale; the width of a quantised matrix is a multiple of it.
  package static let block = 32

  package var isQuantized: Bool { self == .q8_0 || self == .q4_0 }

  /// Bytes of `count` numbers without their scales.
  ///
  /// - Precondition: `count` is a multiple of `block` if the format is quantised.
  package func byteCount(_ count: Int) -> Int {
    switch self {
    case .float32: 4 * count
    case .bfloat16: 2 * count
    case .q8_0: count
    case .q4_0: count / 2
    }
  }

  /// Bytes of the scales of `count` numbers.
  package func scaleByteCount(_ count: Int) -> Int { isQuantized ? count / Self.block * 2 : 0 }
}
