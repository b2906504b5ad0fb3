internal import Glibc
package import Tensors

/// The rule for the frequencies of rotary position embedding (docs/MATH.md, eq. 3).
package enum RotationFrequencies: String, CaseIterable, Sendable {
  /// θ_i = base^(-2i/K): RoFormer, flash-linear-attention.
  case standard
  /// θ_i = base^(-i/(K/2 - 1)), from 1 to 1/base inclusive: torchscale, yet-another-retnet.
  case linspace

  /// θ for the K/2 pairs, in Float64.
  package func values(keyWidth: Int, base: Double) -> [Double] {
    let pairs = keyWidth / 2
    return (0..<pairs).map { i in
      switch self {
      case .standard: pow(base, -2 * Double(i) / Double(keyWidth))
      case .linspace: pairs == 1 ? 1 : pow(base, -Double(i) / Double(pairs - 1))
      }
    }
  }
}

/// Cosines and sines of the rotation angles of some positions, recomputed in place for each call.
///
/// The angle is position · θ in Float64: in Float32 it would be off by 5e-4 radians at position 8192.
package final class RotationTable {
  package let layout: RotationLayout
  private let frequencies: [Double]
  private let cosines: Tensor
  private let sines: Tensor
  private var firstPosition = -1
  package private(set) var count = 0

  /// - Parameters:
  ///   - frequencies: θ of each pair [K/2].
  ///   - layout: Which numbers form a pair.
  ///   - capacity: The most positions.
  package init(frequencies: [Double], layout: RotationLayout, capacity: Int) {
    self.frequencies = frequencies
    self.layout = layout
    cosines = Tensor(Shape(capacity, frequencies.count))
    sines = Tensor(Shape(capacity, frequencies.count))
  }

  /// Bytes of what `init` allocates.
  package static func byteCount(keyWidth: Int, capacity: Int) -> Double {
    2 * Tensor.byteCount(capacity, keyWidth / 2)
  }

  /// Fills the table for positions `first ..< first + count`, unless it holds them already.
  package func prepare(first: Int, count: Int) {
    precondition(count <= cosines.shape[0], "RotationTable: \(count) positions, room for \(cosines.shape[0])")
    if first == firstPosition, count <= self.count { self.count = count; return }
    fill(count) { first + $0 }
    firstPosition = first
    self.count = count
  }

  /// Fills the table for one position per row, for sequences that are decoded together.
  package func prepare(_ positions: [Int]) {
    prepare(count: positions.count) { positions[$0] }
  }

  /// The same with positions that are computed row by row.
  package func prepare(count: Int, position: (Int) -> Int) {
    precondition(count <= cosines.shape[0], "RotationTable: \(count) positions, room for \(cosines.shape[0])")
    fill(count, position: position)
    firstPosition = -1
    self.count = count
  }

  private func fill(_ count: Int, position: (Int) -> Int) {
    let pairs = frequencies.count
    cosines.withMutableSpan { cosines in
      sines.withMutableSpan { sines in
        for row in 0..<count {
          let position = Double(position(row))
          for pair in 0..<pairs {
            let angle = position * frequencies[pair]
            cosines[row * pairs + pair] = Float(cos(angle))
            sines[row * pairs + pair] = Float(sin(angle))
          }
        }
      }
    }
  }

  /// Rotates the heads of each row in place and multiplies by `scale`; `inverse` is the backward.
  ///
  /// - Parameters:
  ///   - x: [B·T, H·K], where T is the prepared count.
  ///   - inverse: Whether to rotate back.
  ///   - scale: Factor of the result.
  ///   - pool: Where the rows run.
  package func apply(_ x: Matrix, inverse: Bool = false, scale: Float = 1, on pool: WorkerPool) {
    rotate(
      x, cosine: cosines.prefix(count), sine: sines.prefix(count), layout: layout, inverse: inverse, scale: scale,
      on: pool)
  }
}
