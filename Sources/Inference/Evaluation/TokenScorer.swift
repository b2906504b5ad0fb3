package import Modeling
package import Tensors

/// What a model says of one token, given all tokens before it in its document.
package struct TokenScore: Equatable, Sendable {
  /// ln p in nats: the negative of the loss that `PerplexityMeter` adds.
  package let logProbability: Double
  /// 1: the most likely token. Equal logits are ordered by id.
  package let rank: Int
  /// -Σ p ln p over the vocabulary, in nats.
  package let entropy: Double
}

/// A token of a text with its score.
package struct ScoredToken: Equatable, Sendable {
  /// The number of its document, from 1.
  package let document: Int
  /// Its position in the document, from 1; BOS has none.
  package let position: Int
  package let id: Int32
  /// nil: the token is not scored.
  package let score: TokenScore?
}

/// Scores every token of a stream of documents, in constant memory.
///
/// It reads the same segments as `PerplexityMeter`, so the losses are bit-identical to those of an evaluation. A token
/// is passed on when its segment is complete. The parallel form reads each document as a whole.
package struct TokenScorer {
  private let network: LanguageModel
  private let form: RetentionForm
  private let pool: WorkerPool
  private let block: LossBlock
  private let entropies: Tensor
  private let ranks: Indices
  private var memory: SegmentMemory
  private var state: ModelState
  private var previous: Int32?
  private var inputs: [Int32] = []
  private var tokens: [Int32] = []
  private var isScored: [Bool] = []
  private var document = 0
  /// The position of the last token that was appended.
  private var position = 0

  /// - Parameters:
  ///   - network: The model.
  ///   - form: The form of retention.
  ///   - pool: Where the work runs.
  package init(_ network: LanguageModel, form: RetentionForm, on pool: WorkerPool) {
    (self.network, self.form, self.pool) = (network, form, pool)
    memory = SegmentMemory(network, form: form, on: pool)
    block = LossBlock(network, precision: .float32, on: pool)
    state = ModelState(network.configuration, batch: 1)
    entropies = Tensor(Shape(block.limit))
    ranks = Indices(count: block.limit)
  }

  /// Starts a document from an empty state.
  ///
  /// - Parameters:
  ///   - bos: The token before the document; nil: the document's first token is not scored.
  ///   - body: Receives the rest of the document before.
  package mutating func startDocument(bos: Int32?, _ body: (ScoredToken) throws -> Void) rethrows {
    try finish(body)
    state.clear(on: pool)
    previous = bos
    document += 1
    position = 0
  }

  /// Reads the next tokens of a document.
  ///
  /// - Parameters:
  ///   - ids: Token ids.
  ///   - unscored: The indices of tokens that are read, but not scored, in ascending order.
  ///   - body: Receives the tokens that are complete, in their order.
  package mutating func append(
    _ ids: [Int32], unscored: [Range<Int>] = [], _ body: (ScoredToken) throws -> Void
  ) rethrows {
    var unscored = unscored[...]
    for (index, id) in ids.enumerated() {
      if let range = unscored.first, index >= range.upperBound { unscored.removeFirst() }
      position += 1
      if let previous {
        inputs.append(previous)
        tokens.append(id)
        isScored.append(!(unscored.first?.contains(index) ?? false))
      } else {
        try body(ScoredToken(document: document, position: position, id: id, score: nil))
      }
      previous = id
      if inputs.count == memory.segmentLength { try finish(body) }
    }
  }

  /// Scores all pending tokens.
  ///
  /// - Parameter body: Receives them in their order.
  package mutating func finish(_ body: (ScoredToken) throws -> Void) rethrows {
    guard !inputs.isEmpty else { return }
    let normed = network.forward(
      Indices(inputs), batch: 1, form: form, state: &state, memory: memory.memory(for: inputs.count), on: pool)
    let targets = Indices(zip(tokens, isScored).map { $1 ? $0 : -1 })
    let first = position - tokens.count + 1
    for rows in tokens.indices.blocks(of: block.limit) {
      let start = rows.lowerBound
      score(rows, normed, targets)
      for row in rows {
        let found =
          isScored[row]
          ? TokenScore(
            logProbability: 0 - Double(block.losses[row - start]), rank: Int(ranks[row - start]),
            entropy: Double(entropies[row - start])) : nil
        try body(ScoredToken(document: document, position: first + row, id: tokens[row], score: found))
      }
    }
    inputs.removeAll(keepingCapacity: true)
    tokens.removeAll(keepingCapacity: true)
    isScored.removeAll(keepingCapacity: true)
  }

  /// Fills losses, ranks and entropies for rows of a segment; without a target there is nothing to compute.
  private func score(_ rows: Range<Int>, _ normed: Tensor, _ targets: Indices) {
    guard isScored[rows].contains(true) else { return }
    let targets = targets.slice(rows)
    let logits = block.compute(rows, of: normed, targets: targets)
    rankAndEntropy(
      ranks.slice(0..<rows.count), entropies.prefix(rows.count), logits: logits, targets: targets, on: pool)
  }
}
