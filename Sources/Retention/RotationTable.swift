internal import Glibc
package import Tensors

/// Cosines and sines of the rotation angles of some positions, recomputed in place for each call.
///
/// The angle is position · θ in Float64: in Float32 it would be off by 5e-4 radians at position 8192.
///
/// With xPos, row t of a call multiplies queries by ζ^t and keys by ζ^-t, so that a score has the factor ζ^distance.
/// ζ^t counts from the start of the call, because ζ^-position would overflow. The states of the layers count from the
/// start of the next call; `RetentionState.moveOrigin` keeps it so.
package final class RotationTable {
  package let rotation: Rotation
  private let queries: Factors
  /// The same as for queries, unless there is xPos.
  private let keys: Factors
  private var firstPosition = -1
  package private(set) var count = 0

  /// Cosines and sines [T, pairs], multiplied by a power of ζ.
  private struct Factors {
    let cosines: Tensor
    let sines: Tensor

    init(_ shape: Shape) { (cosines, sines) = (Tensor(shape), Tensor(shape)) }
  }

  /// Which rows are rotated.
  package enum Operand: Sendable { case queries, keys }

  /// - Parameters:
  ///   - rotation: Layout, frequencies and xPos.
  ///   - capacity: The most positions.
  package init(_ rotation: Rotation, capacity: Int) {
    self.rotation = rotation
    queries = Factors(Shape(capacity, rotation.frequencies.count))
    keys = rotation.xposLogDecays == nil ? queries : Factors(Shape(capacity, rotation.frequencies.count))
  }

  /// Bytes of what `init` allocates.
  package static func byteCount(_ rotation: Rotation, capacity: Int) -> Double {
    (rotation.xposLogDecays == nil ? 2 : 4) * Tensor.byteCount(capacity, rotation.frequencies.count)
  }

  /// Fills the table for positions `first ..< first + count`, unless it holds them already.
  package func prepare(first: Int, count: Int) {
    precondition(count <= queries.cosines.shape[0], "RotationTable: \(count) positions, for \(queries.cosines.shape)")
    if first == firstPosition, count <= self.count { self.count = count; return }
    fill(count, position: { first + $0 }, offset: { $0 })
    firstPosition = first
    self.count = count
  }

  /// Fills the table for one position per row, for sequences that are decoded together.
  package func prepare(_ positions: [Int]) {
    prepare(count: positions.count) { positions[$0] }
  }

  /// The same with positions that are computed row by row. Each row is the start of a call of its own.
  package func prepare(count: Int, position: (Int) -> Int) {
    precondition(count <= queries.cosines.shape[0], "RotationTable: \(count) positions, for \(queries.cosines.shape)")
    fill(count, position: position, offset: { _ in 0 })
    firstPosition = -1
    self.count = count
  }

  private func fill(_ count: Int, position: (Int) -> Int, offset: (Int) -> Int) {
    fill(queries, count, position) { Double(offset($0)) }
    guard rotation.xposLogDecays != nil else { return }
    fill(keys, count, position) { -Double(offset($0)) }
  }

  /// Fills factors; `power` is a row's power of ζ.
  private func fill(_ factors: Factors, _ count: Int, _ position: (Int) -> Int, power: (_ row: Int) -> Double) {
    let (pairs, logDecays) = (rotation.frequencies.count, rotation.xposLogDecays)
    factors.cosines.withMutableSpan { cosines in
      factors.sines.withMutableSpan { sines in
        for row in 0..<count {
          let (position, power) = (Double(position(row)), power(row))
          for pair in 0..<pairs {
            let angle = position * rotation.frequencies[pair]
            let factor = if let logDecays { exp(power * logDecays[pair]) } else { 1.0 }
            cosines[row * pairs + pair] = Float(factor * cos(angle))
            sines[row * pairs + pair] = Float(factor * sin(angle))
          }
        }
      }
    }
  }

  /// Rotates the heads of each row in place and multiplies by `scale`; `inverse` is the backward.
  ///
  /// - Parameters:
  ///   - x: [B·T, H·K], where T is the prepared count.
  ///   - operand: What `x` is.
  ///   - inverse: Whether to rotate back.
  ///   - scale: Factor of the result.
  ///   - pool: Where the rows run.
  package func apply(
    _ x: Matrix, as operand: Operand, inverse: Bool = false, scale: Float = 1, on pool: WorkerPool
  ) {
    let factors = operand == .queries ? queries : keys
    rotate(
      x, cosine: factors.cosines.prefix(count), sine: factors.sines.prefix(count), layout: rotation.layout,
      inverse: inverse, scale: scale, on: pool)
  }
}
