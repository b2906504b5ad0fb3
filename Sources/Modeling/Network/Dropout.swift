internal import Tensors

/// Dropout of the rows of one call, in training only (docs/MATH.md, eq. 36 and 37).
///
/// A mask depends on the seed, the step, the site, and a number's row in the whole batch and column. So it does not
/// depend on threads, replicas, micro-batches, or on whether a block is computed twice.
package struct Dropout: Sendable, Equatable {
  /// Where numbers are dropped.
  enum Site {
    /// The residual stream before the first block.
    case embedding
    /// What a block's mixer adds to the residual stream.
    case mixer(layer: Int)
    /// What a block's feed-forward part adds to the residual stream.
    case feedForward(layer: Int)

    fileprivate var number: Int {
      switch self {
      case .embedding: 0
      case .mixer(let layer): 1 + 2 * layer
      case .feedForward(let layer): 2 + 2 * layer
      }
    }
  }

  private let rate: Double
  private let stepKey: UInt64
  private let firstRow: Int

  /// - Parameters:
  ///   - rate: The probability with which a number is dropped, in [0, 1).
  ///   - seed: The seed of the run.
  ///   - step: The step, from 1.
  ///   - firstRow: The number of the call's first row in the whole batch: sequence · T + position.
  package init(rate: Double, seed: Int, step: Int, firstRow: Int) {
    (self.rate, self.firstRow) = (rate, firstRow)
    stepKey = mixed(mixed(UInt64(seed)) ^ UInt64(step))
  }

  /// The mask of a site.
  func mask(_ site: Site) -> DropoutMask {
    DropoutMask(rate: rate, key: mixed(stepKey ^ UInt64(site.number)), firstRow: firstRow)
  }
}

/// The first number of SplitMix64 with this seed.
private func mixed(_ seed: UInt64) -> UInt64 {
  var source = RandomSource(seed: seed)
  return source.next()
}

/// Dropout of what the blocks add to the residual stream.
struct BranchDropout {
  let dropout: Dropout
  /// Memory for what a branch adds, and for its gradient [R, D].
  let branch: Tensor
}

extension LayerCall {
  /// stream += m ⊙ (x Wᵀ + b): a branch's last product, with dropout if there is any.
  ///
  /// - Parameters:
  ///   - site: The branch.
  ///   - linear: The last product.
  ///   - stream: [R, D], added to.
  ///   - x: The input of the product.
  ///   - pool: Where the work runs.
  func addBranch(_ site: Dropout.Site, _ linear: Linear, to stream: Tensor, _ x: Tensor, on pool: WorkerPool) {
    guard let dropout else {
      return linear.forward(Matrix(stream), x, accumulate: true, precision: precision, on: pool)
    }
    linear.forward(Matrix(dropout.branch), x, precision: precision, on: pool)
    Tensors.dropout(stream, dropout.branch, mask: dropout.dropout.mask(site), accumulate: true, on: pool)
  }

  /// The gradient of what a branch's last product computes.
  ///
  /// - Parameters:
  ///   - site: The branch.
  ///   - dx: The gradient of the residual stream behind the branch [R, D].
  ///   - pool: Where the work runs.
  /// - Returns: m ⊙ dx, valid until the next call; dx without dropout.
  func branchGradient(_ site: Dropout.Site, _ dx: Tensor, on pool: WorkerPool) -> Tensor {
    guard let dropout else { return dx }
    Tensors.dropout(dropout.branch, dx, mask: dropout.dropout.mask(site), accumulate: false, on: pool)
    return dropout.branch
  }
}
