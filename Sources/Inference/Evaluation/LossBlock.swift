internal import Modeling
internal import Tensors

/// Logits and losses of a block of rows, in memory that all blocks of an evaluation share.
struct LossBlock {
  /// The most rows of a block.
  let limit: Int
  /// −ln p of the targets of the last block [R], in nats; 0 without a target.
  let losses: Tensor
  private let logits: Tensor
  private let network: LanguageModel
  private let precision: ProductPrecision
  private let pool: WorkerPool

  /// - Parameters:
  ///   - network: The model.
  ///   - precision: Precision of products with Float32 weights.
  ///   - pool: Where the work runs.
  init(_ network: LanguageModel, precision: ProductPrecision, on pool: WorkerPool) {
    (self.network, self.precision, self.pool) = (network, precision, pool)
    limit = network.configuration.logitRows
    logits = Tensor(Shape(limit, network.configuration.vocabularySize))
    losses = Tensor(Shape(limit))
  }

  /// The bytes that `init` allocates.
  static func byteCount(_ configuration: ModelConfiguration) -> Double {
    Tensor.byteCount(configuration.logitRows, configuration.vocabularySize) + Tensor.byteCount(configuration.logitRows)
  }

  /// Computes the losses of some rows.
  ///
  /// - Parameters:
  ///   - rows: At most `limit` rows of `normed`.
  ///   - normed: Outputs of the final norm [T, D].
  ///   - targets: The token after each of the rows [R]; negative: none.
  /// - Returns: The logits [R, N], valid until the next call.
  @discardableResult
  func compute(_ rows: Range<Int>, of normed: Tensor, targets: Indices) -> Tensor {
    let (block, width) = (logits.prefix(rows.count), network.configuration.width)
    network.computeLogits(
      block, normed.view(Shape(rows.count, width), at: rows.lowerBound * width), precision: precision, on: pool)
    crossEntropy(losses.prefix(rows.count), logits: block, targets: targets, on: pool)
    return block
  }
}

extension Range<Int> {
  /// The range in blocks of at most `count` elements.
  func blocks(of count: Int) -> [Range<Int>] {
    stride(from: lowerBound, to: upperBound, by: count).map { $0..<Swift.min($0 + count, upperBound) }
  }
}

extension ModelConfiguration {
  /// Rows of logits that an evaluation computes at a time: 256, fewer if the vocabulary makes them more than 64 MiB.
  var logitRows: Int { max(1, min(256, (1 << 24) / max(1, vocabularySize))) }
}
