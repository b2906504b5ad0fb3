internal import CKernels

/// Which numbers of a matrix dropout keeps, as a function of a key, a row and a column (docs/MATH.md, eq. 36 and 37).
///
/// Nothing is stored: the backward computes the same mask again.
package struct DropoutMask: Sendable, Equatable {
  /// Chooses the mask; masks with different keys are independent.
  package let key: UInt64
  /// The number of the matrix's first row.
  package let firstRow: Int
  /// A number is dropped if its 24 random bits are less than this.
  let threshold: Int32
  /// The factor of what is kept: 1 / (1 - threshold / 2^24).
  package let scale: Float

  /// - Parameters:
  ///   - rate: The probability with which a number is dropped, in [0, 1); rounded to a multiple of 2^-24.
  ///   - key: Chooses the mask.
  ///   - firstRow: The number of the matrix's first row.
  package init(rate: Double, key: UInt64, firstRow: Int) {
    precondition(rate >= 0 && rate < 1, "DropoutMask: rate \(rate)")
    let threshold = min((rate * 0x1p24).rounded(), 0x1p24 - 1)
    (self.key, self.firstRow) = (key, firstRow)
    self.threshold = Int32(threshold)
    scale = Float(0x1p24 / (0x1p24 - threshold))
  }
}

/// y = m ⊙ x, with m of `mask` (docs/MATH.md, eq. 36). Its backward is the same function: dx = m ⊙ dy.
///
/// - Parameters:
///   - y: [R, D]; may be `x`.
///   - x: [R, D].
///   - mask: m.
///   - accumulate: Whether to add to y.
///   - pool: Where the rows run.
package func dropout(_ y: Tensor, _ x: Tensor, mask: DropoutMask, accumulate: Bool, on pool: WorkerPool) {
  checkShape(y, x.shape, "y")
  pool.runRanges(of: x.shape[0], grain: rowBlock, with: (y, x, mask, accumulate)) { context, range in
    let (y, x, mask, accumulate) = context
    let (first, width) = (range.lowerBound, x.shape[1])
    unsafe rn_dropout(
      y.pointer + first * width, x.pointer + first * width, Int64(range.count), Int64(width), mask.key,
      Int64(mask.firstRow + first), mask.threshold, mask.scale, accumulate ? 1 : 0)
  }
}
