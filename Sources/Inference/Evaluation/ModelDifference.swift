internal import Glibc
package import Modeling
package import Tensors

/// Compares how a model, for instance a quantised one, and the model that it was made from predict a text.
package struct ModelDifference: Sendable {
  /// The number of predictions compared.
  package private(set) var tokens = 0
  private var baseNats = 0.0
  private var nats = 0.0
  private var divergenceSum = 0.0
  private var agreements = 0

  package var basePerplexity: Double { exp(baseNats / Double(tokens)) }
  package var perplexity: Double { exp(nats / Double(tokens)) }
  /// The Kullback–Leibler divergence Σ p ln(p / q) in nats per token, with p of the base and q of the other model.
  package var divergence: Double { divergenceSum / Double(tokens) }
  /// The fraction of the predictions with the same most likely token.
  package var agreement: Double { Double(agreements) / Double(tokens) }

  /// Reads the text as one document with both models.
  ///
  /// - Parameters:
  ///   - base: The model to compare with.
  ///   - other: The other model, with the same vocabulary size.
  ///   - ids: The ids of the text, including BOS; at least two.
  ///   - pool: Where the work runs.
  package init(from base: LanguageModel, to other: LanguageModel, on ids: [Int32], pool: WorkerPool) {
    let vocabulary = base.configuration.vocabularySize
    precondition(ids.count > 1 && other.configuration.vocabularySize == vocabulary, "ModelDifference: \(ids.count) ids")
    var readers = [base, other].map { Reader($0, workers: pool.threadCount) }
    let rows = base.configuration.logitRows
    let sums = DoubleBuffer(count: 4 * rows)
    for start in stride(from: 0, to: ids.count - 1, by: Reader.segment) {
      let segment = start..<min(start + Reader.segment, ids.count - 1)
      for index in readers.indices { readers[index].read(ids[segment], on: pool) }
      for first in stride(from: 0, to: segment.count, by: rows) {
        let range = first..<min(first + rows, segment.count)
        let logits = readers.map { $0.logits(range, on: pool) }
        let targets = Indices(Array(ids[(start + first + 1)..<(start + range.upperBound + 1)]))
        pool.run(range.count, with: (logits[0], logits[1], targets, sums)) { context, row, _ in
          let (base, other, targets, sums) = context
          let found = compareRow(base, other, row: row, target: Int(targets[row]))
          (sums[4 * row], sums[4 * row + 1]) = (found.baseLoss, found.loss)
          (sums[4 * row + 2], sums[4 * row + 3]) = (found.divergence, found.agrees ? 1 : 0)
        }
        for row in 0..<range.count {
          baseNats += sums[4 * row]
          nats += sums[4 * row + 1]
          divergenceSum += sums[4 * row + 2]
          agreements += Int(sums[4 * row + 3])
        }
        tokens += range.count
      }
    }
  }
}

/// One of the two models, with its recurrent state.
private struct Reader {
  /// The number of tokens read at a time, in chunks of 64.
  static let segment = 512
  private let network: LanguageModel
  private var state: ModelState
  private let memory: InferenceMemory
  private let logits: Tensor
  private var normed: Tensor?

  init(_ network: LanguageModel, workers: Int) {
    self.network = network
    state = ModelState(network.configuration, batch: 1)
    memory = InferenceMemory(
      network.configuration, form: .chunkwise(chunkLength: 64), batch: 1, time: Self.segment, workers: workers)
    logits = Tensor(Shape(network.configuration.logitRows, network.configuration.vocabularySize))
  }

  mutating func read(_ ids: ArraySlice<Int32>, on pool: WorkerPool) {
    normed = network.forward(
      Indices(Array(ids)), batch: 1, form: .chunkwise(chunkLength: 64), state: &state, memory: memory, on: pool)
  }

  func logits(_ range: Range<Int>, on pool: WorkerPool) -> Tensor {
    let block = logits.prefix(range.count)
    guard let normed else { preconditionFailure("Reader: nothing was read") }
    let width = network.configuration.width
    network.computeLogits(block, normed.view(Shape(range.count, width), at: range.lowerBound * width), on: pool)
    return block
  }
}

private struct RowDifference {
  let baseLoss: Double
  let loss: Double
  let divergence: Double
  let agrees: Bool
}

/// Compares the distributions of one prediction, in Float64.
private func compareRow(_ base: Tensor, _ other: Tensor, row: Int, target: Int) -> RowDifference {
  let width = base.shape[1]
  let (base, other) = (
    base.view(Shape(width), at: row * width), other.view(Shape(width), at: row * width)
  )
  return base.withMutableSpan { p in
    other.withMutableSpan { q in
      var (bestP, bestQ) = (0, 0)
      for index in 0..<width {
        if p[index] > p[bestP] { bestP = index }
        if q[index] > q[bestQ] { bestQ = index }
      }
      let (mostP, mostQ) = (Double(p[bestP]), Double(q[bestQ]))
      var (sumP, sumQ, gap) = (0.0, 0.0, 0.0)
      for index in 0..<width {
        let (a, b) = (Double(p[index]) - mostP, Double(q[index]) - mostQ)
        let weight = exp(a)
        sumP += weight
        sumQ += exp(b)
        gap += weight * (a - b)
      }
      let (logP, logQ) = (log(sumP), log(sumQ))
      return RowDifference(
        baseLoss: logP + mostP - Double(p[target]), loss: logQ + mostQ - Double(q[target]),
        divergence: gap / sumP - logP + logQ, agrees: bestP == bestQ)
    }
  }
}
