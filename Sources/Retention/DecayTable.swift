internal import Tensors

/// The powers γ^0 … γ^length of every head: in Float64 for factors, in Float32 and descending for masks.
///
/// Powers below 1e-30 are zero: their true contribution is below the rounding of any sum here, and subnormal products
/// cost a hundred times a normal one.
package struct DecayTable: Sendable {
  package let decay: Decay
  /// The largest exponent.
  package let length: Int
  private let ascending: DoubleBuffer
  private let descending: Tensor

  package init(_ decay: Decay, length: Int) {
    self.decay = decay
    self.length = length
    ascending = DoubleBuffer(count: decay.heads * (length + 1))
    descending = Tensor(Shape(max(1, decay.heads), length + 1))
    for head in 0..<decay.heads {
      for steps in 0...length {
        let power = decay.power(head: head, steps)
        let kept = power < 1e-30 ? 0 : power
        ascending[head * (length + 1) + steps] = kept
        descending[head * (length + 1) + length - steps] = Float(kept)
      }
    }
  }

  /// Bytes of what `init` allocates.
  package static func byteCount(heads: Int, length: Int) -> Double {
    DoubleBuffer.byteCount(heads, length + 1) + Tensor.byteCount(max(1, heads), length + 1)
  }

  /// Checks that the table has a decay for each head, and `documentStarts` a start for each token.
  func check(_ shape: RetentionShape, _ documentStarts: Indices?, in operation: StaticString) {
    precondition(decay.heads == shape.heads, "\(operation): \(decay.heads) decays for \(shape.heads) heads")
    precondition(
      documentStarts.map { $0.count == shape.batch * shape.time } ?? true, "\(operation): documents are not \(shape)")
  }

  /// γ^steps.
  func power(_ head: Int, _ steps: Int) -> Double {
    precondition(steps <= length, "DecayTable: γ^\(steps), made for \(length)")
    return ascending[head * (length + 1) + steps]
  }

  /// γ^length … γ^0 as [length + 1].
  func descendingPowers(_ head: Int) -> Tensor { descending.view(Shape(length + 1), at: head * (length + 1)) }
}
