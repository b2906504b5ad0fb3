package import Modeling
package import Tensors

/// Adds up −ln p of the tokens that a generator reads, each given all tokens before it.
///
/// The first token that a generator reads has no context and is not counted.
package final class TokenMeter {
  /// Sums since the last `take`.
  package struct Cost: Equatable, Sendable {
    /// Σ −ln p, in nats.
    package fileprivate(set) var nats = 0.0
    /// The number of tokens counted.
    package fileprivate(set) var tokens = 0

    package init() {}
  }

  private var cost = Cost()
  /// How many of the most likely tokens are kept for each token; nil: no probabilities are kept.
  private let topCount: Int?
  /// The tokens counted, if their probabilities are kept.
  package private(set) var ranked: [RankedToken] = []
  private let network: LanguageModel
  private let pool: WorkerPool
  private let logits: Tensor
  private let losses: Tensor

  /// - Parameters:
  ///   - network: The model of the generator.
  ///   - topCount: How many of the most likely tokens to keep for each token; nil: no probabilities are kept.
  ///   - pool: Where the work runs.
  package init(_ network: LanguageModel, keepingTop topCount: Int? = nil, on pool: WorkerPool) {
    self.topCount = topCount
    self.network = network
    self.pool = pool
    logits = Tensor(Shape(fewRowsLimit, network.configuration.vocabularySize))
    losses = Tensor(Shape(fewRowsLimit))
  }

  /// Returns the sums and resets them.
  package func take() -> Cost {
    defer { cost = Cost() }
    return cost
  }

  /// Adds a token whose logits are known.
  ///
  /// - Parameters:
  ///   - token: The token that was read.
  ///   - logits: The logits [1, N] before it.
  func add(_ token: Int32, logits: Tensor) { add([token][...], logits) }

  /// Adds tokens, with the rows of the last norm from which their logits are computed.
  ///
  /// - Parameters:
  ///   - tokens: T ids.
  ///   - normed: [R, D], R > T.
  ///   - row: The row that predicts the first token; the rows after it predict the others.
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
    guard let topCount else { return }
    let size = network.configuration.vocabularySize
    for (row, token) in tokens.enumerated() {
      ranked.append(RankedToken(token, logits: logits.view(Shape(size), at: row * size), top: topCount))
    }
  }
}

/// Counts the bytes of a text that its scored tokens encode (docs/MATH.md, section 24).
///
/// The bytes of a document are those of its text, not those that its tokens decode to. If nothing precedes the first
/// token, it is not scored, and its bytes do not count.
package struct ScoredBytes: Sendable {
  private let opening: @Sendable (Int32) -> Int
  private let inside: @Sendable (Int32) -> Int

  /// - Parameters:
  ///   - opening: Returns the number of bytes of a token at the start of a text, without a dummy prefix.
  ///   - inside: Returns the number of bytes of a token inside a text.
  package init(opening: @escaping @Sendable (Int32) -> Int, inside: @escaping @Sendable (Int32) -> Int) {
    (self.opening, self.inside) = (opening, inside)
  }

  /// The same for tokens whose bytes do not depend on where they are.
  package init(_ byteCount: @escaping @Sendable (Int32) -> Int) { self.init(opening: byteCount, inside: byteCount) }

  /// Counts the bytes of a document, or of its beginning.
  ///
  /// - Parameters:
  ///   - bytes: The bytes of the text.
  ///   - unscored: Its first token, if that is not scored.
  /// - Returns: The bytes that count; 0 if normalisation made the first token longer than the text.
  package func count(_ bytes: Int, unscored: Int32?) -> Int { max(0, bytes - (unscored.map(opening) ?? 0)) }

  /// The bytes that a token inside a text decodes to, for documents of which only a part is scored.
  func count(_ token: Int32) -> Int { inside(token) }
}
