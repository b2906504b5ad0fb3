internal import Glibc
package import Tensors

/// The factors ζ^T of the rows of states, by which a call of T tokens moves their origin; for xPos.
package final class XPosDecay {
  private let rotation: Rotation
  private let shape: RetentionShape
  private let factors: Tensor
  private var tokens = 0

  /// - Parameters:
  ///   - rotation: With xPos.
  ///   - shape: The extents of the states: batch, heads and widths.
  package init(_ rotation: Rotation, _ shape: RetentionShape) {
    self.rotation = rotation
    self.shape = shape
    factors = Tensor(Shape(shape.batch * shape.heads * shape.keyWidth))
  }

  /// Bytes of what `init` allocates.
  package static func byteCount(_ shape: RetentionShape) -> Double {
    Tensor.byteCount(shape.batch, shape.heads, shape.keyWidth)
  }

  /// Multiplies each row of a state by ζ^tokens, so that it counts from the position after the call.
  ///
  /// - Parameters:
  ///   - state: [B, H, K, V] with at most as many sequences as this was made for.
  ///   - tokens: T.
  ///   - pool: Where the rows run.
  package func moveOrigin(of state: RetentionState, by tokens: Int, on pool: WorkerPool) {
    if tokens != self.tokens { fill(tokens) }
    let rows = state.stored.count / state.stored.shape[3]
    scaleRows(state.stored.view(Shape(rows, state.stored.shape[3])), by: factors.prefix(rows), on: pool)
  }

  private func fill(_ tokens: Int) {
    guard let logDecays = rotation.xposLogDecays else { return }
    for row in 0..<factors.count {
      let (head, rowOfHead) = (row / shape.keyWidth % shape.heads, row % shape.keyWidth)
      let pair = rotation.pair(head: head, row: rowOfHead, keyWidth: shape.keyWidth)
      factors[row] = Float(exp(Double(tokens) * logDecays[pair]))
    }
    self.tokens = tokens
  }
}
