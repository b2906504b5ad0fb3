internal import CKernels

/// Cross entropy of each row in nats; replaces the logits by the gradient (softmax - onehot) · scale.
///
/// Source: docs/MATH.md, eq. 20. With a cap, the gradient is that of the logits before it (eq. 40).
///
/// - Parameters:
///   - logits: [R, N], overwritten.
///   - losses: [R].
///   - targets: Token ids [R]; a negative target is not scored: loss and gradient are 0.
///   - scale: Factor of the gradient: 1 / (number of scored targets of the whole batch).
///   - cap: The cap that `softcap` applied to the logits; nil: none.
///   - pool: Where the rows run.
package func crossEntropyWithGradient(
  _ logits: Tensor, losses: Tensor, targets: Indices, scale: Float, cap: Float?, on pool: WorkerPool
) {
  checkRows(logits, losses, targets)
  pool.runRanges(of: logits.shape[0], grain: 16, with: (logits, losses, targets, scale, cap)) { context, range in
    let (logits, losses, targets, scale, cap) = context
    let (first, width, count) = (range.lowerBound, logits.shape[1], Int64(range.count))
    if let cap {
      unsafe rn_cross_entropy_capped(
        logits.pointer + first * width, losses.pointer + first, targets.pointer + first, count, Int64(width), scale,
        cap)
    } else {
      unsafe rn_cross_entropy(
        logits.pointer + first * width, losses.pointer + first, targets.pointer + first, count, Int64(width), scale)
    }
  }
}

/// Cross entropy of each row in nats; leaves the logits unchanged (docs/MATH.md, eq. 20).
///
/// - Parameters:
///   - losses: [R].
///   - logits: [R, N].
///   - targets: Token ids [R]; a negative target is not scored: its loss is 0.
///   - pool: Where the rows run.
package func crossEntropy(_ losses: Tensor, logits: Tensor, targets: Indices, on pool: WorkerPool) {
  checkRows(logits, losses, targets)
  pool.runRanges(of: logits.shape[0], grain: 16, with: (losses, logits, targets)) { context, range in
    let (losses, logits, targets) = context
    let (first, width) = (range.lowerBound, logits.shape[1])
    unsafe rn_cross_entropy_loss(
      losses.pointer + first, logits.pointer + first * width, targets.pointer + first, Int64(range.count), Int64(width))
  }
}

private func checkRows(_ logits: Tensor, _ losses: Tensor, _ targets: Indices) {
  let (rows, width) = (logits.shape[0], logits.shape[1])
  checkShape(losses, Shape(rows), "losses")
  precondition(targets.count == rows, "crossEntropy: \(targets.count) targets for \(rows) rows")
  for row in 0..<rows {
    precondition(targets[row] < width, "crossEntropy: target \(targets[row]) of \(width)")
  }
}
