/// How the numbers of a weight matrix lie in memory while a model runs.
package enum WeightFormat: String, CaseIterable, Sendable {
  case float32 = "f32"
  case bfloat16 = "bf16"
  /// Blocks of 32 along the input, each with a Float16 scale: an Int8 a number.
  case q8_0
  /// The same with four bits a number.
  case q4_0

  /// Numbers that share a scale; rows of a quantised matrix are a multiple of it.
  package static let block = 32

  package var isQuantized: Bool { self == .q8_0 || self == .q4_0 }

  /// Bytes that `count` numbers take, their scales aside.
  ///
  /// - Precondition: `count` is a multiple of `block` where the format is quantised.
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
