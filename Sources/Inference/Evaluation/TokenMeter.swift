package import Modeling
package import Tensors

/// What the tokens cost that a generator reads: −ln p of each by the model itself, given all that was read before it.
///
/// The very first token that a generator reads has nothing before it and is not counted.
package final class TokenMeter {
  /// Sums since the last `take`.
  package struct Cost: Equatable, Sendable {
    /// Σ −ln p, in nats.
    package fileprivate(set) var nats = 0.0
    /// Tokens that were counted.
    package fileprivate(set) var tokens = 0

    package init() {}
  }

  private var cost = Cost()
  private let network: LanguageModel
  private let pool: WorkerPool
  private let logits: Tensor
  private let losses: Tensor

  /// - Parameters:
  ///   - network: That of the generator.
  ///   - pool: Where the work runs.
  package init(_ network: LanguageModel, on pool: WorkerPool) {
    self.network = network
    self.pool = pool
    logits = Tensor(Shape(fewRowsLimit, network.configuration.vocabularySize))
    losses = Tensor(Shape(fewRowsLimit))
  }

  /// The sums, which begin again.
  package func take() -> Cost {
    defer { cost = Cost() }
    return cost
  }

  /// Adds a token for which the logits are there.
  ///
  /// - Parameters:
  ///   - token: The one that came.
  ///   - logits: [1, N].
  func add(_ token: Int32, logits: Tensor) { add([token][...], logits) }

  /// Adds tokens that follow rows of the last norm.
  ///
  /// - Parameters:
  ///   - tokens: T ids.
  ///   - normed: [R, D], R > T.
  ///   - row: After which the first of them came; the others follow the rows after it.
  func add(_ tokens: [Int32], normed: Tensor, row: Int) {
    let width = network.configuration.width
    for start in stride(from: 0, to: tokens.count, by: fewRowsLimit) {
      let part = tokens[start..<min(start + fewRowsLimit, tokens.count)]
      let block = logits.prefix(part.count)
      network.computeLogits(block, normed.view(Shape(part.count, width), at: (row + start) * width), on: pool)
      add(part, block)
    }
  }

  private func add(_ tokens: ArraySlice<Int32>, _ logits: Tensor) {
    crossEntropy(losses.prefix(tokens.count), logits: logits, targets: Indices(Array(tokens)), on: pool)
    for row in 0..<tokens.count { cost.nats += Double(losses[row]) }
    cost.tokens += tokens.count
  }
}

/// Which bytes of a text count: those that the scored tokens stand for (docs/MATH.md, section 24).
///
/// The bytes of a document are those of its text, not those that its tokens decode to. A document's first token is not
/// scored where there is nothing before it, and then its bytes do not count either.
package struct ScoredBytes: Sendable {
  private let opening: @Sendable (Int32) -> Int

  /// - Parameter opening: The bytes of a token at the start of a text: a dummy prefix is none of them.
  package init(opening: @escaping @Sendable (Int32) -> Int) { self.opening = opening }

  /// Counts the bytes of a document, or of the beginning of one.
  ///
  /// - Parameters:
  ///   - bytes: Of the text.
  ///   - unscored: Its first token, if that is not scored.
  /// - Returns: The bytes that count; a token that normalisation has made longer than the text leaves none.
  package func count(_ bytes: Int, unscored: Int32?) -> Int { max(0, bytes - (unscored.map(opening) ?? 0)) }
}
