package import Modeling
package import Tensors

/// Losses of single tokens when the model sees only the last tokens before them.
///
/// Each context is read like a document of its own: from an empty state, after BOS if documents start with it.
package struct ContextHorizon {
  private let network: LanguageModel
  private let form: RetentionForm
  private let pool: WorkerPool
  private let segmentLength: Int

  /// The number of rows of a call: several short contexts are read together.
  private static let usualRows = 512

  /// - Parameters:
  ///   - network: The model.
  ///   - form: The form of retention.
  ///   - pool: Where the work runs.
  package init(_ network: LanguageModel, form: RetentionForm, on pool: WorkerPool) {
    (self.network, self.form, self.pool) = (network, form, pool)
    segmentLength = SegmentMemory.segmentLength(form, network.configuration)
  }

  /// The loss of the last token of each window, given the tokens directly before it.
  ///
  /// Cost: the tokens of all contexts; memory for up to sixteen states.
  ///
  /// - Parameters:
  ///   - windows: Token ids, each of more than `context`; the last one is the token whose loss is measured.
  ///   - context: The number of tokens that the model sees, ≥ 1.
  ///   - bos: The token before each context; nil: none.
  ///   - progress: Receives the number of windows that are done.
  /// - Returns: Nats, in the order of the windows.
  package func losses(
    of windows: [[Int32]], context: Int, bos: Int32?, progress: (Int) -> Void = { _ in }
  ) -> [Double] {
    precondition(context >= 1, "ContextHorizon: a context of \(context)")
    for window in windows {
      precondition(window.count > context, "ContextHorizon: \(window.count) tokens for a context of \(context)")
    }
    let segment = min(segmentLength, context + (bos == nil ? 0 : 1))
    let batch = min(fewRowsLimit, max(1, Self.usualRows / segment))
    // The memory of a call is made for its number of sequences: only the last call may have fewer.
    let whole = windows.count / batch * batch
    var found: [Double] = []
    for part in [windows[..<whole], windows[whole...]] where !part.isEmpty {
      let run = HorizonRun(network, form: form, batch: min(batch, part.count), segment: segment, on: pool)
      for first in stride(from: part.startIndex, to: part.endIndex, by: batch) {
        let windows = part[first..<min(first + batch, part.endIndex)]
        let contexts = windows.map { start(bos) + $0.dropLast().suffix(context) }
        found += run.losses(contexts, targets: windows.map { $0[$0.count - 1] })
        progress(found.count)
      }
    }
    return found
  }

  private func start(_ bos: Int32?) -> [Int32] { bos.map { [$0] } ?? [] }

  /// At how many of the sampled positions each context is measured, so that all contexts together stay within a number
  /// of tokens: each at one at least, short ones at all, long ones at fewer.
  ///
  /// - Parameters:
  ///   - contexts: Numbers of tokens, ascending.
  ///   - positions: The number of sampled positions.
  ///   - budget: The most tokens to read, unless even one position for each context needs more.
  /// - Returns: A count for each context; 0 if there are no positions.
  package static func counts(_ contexts: [Int], positions: Int, budget: Int) -> [Int] {
    guard positions > 0 else { return contexts.map { _ in 0 } }
    var left = max(0, budget - contexts.reduce(0, +))
    return contexts.enumerated().map { index, context in
      let more = min(positions - 1, left / (contexts.count - index) / context)
      left -= more * context
      return 1 + more
    }
  }
}

/// The memory for calls of one number of sequences.
private struct HorizonRun {
  let network: LanguageModel
  let form: RetentionForm
  let pool: WorkerPool
  let segment: Int
  let memory: InferenceMemory
  let states: ModelState
  let (last, logits, losses): (Tensor, Tensor, Tensor)

  init(_ network: LanguageModel, form: RetentionForm, batch: Int, segment: Int, on pool: WorkerPool) {
    (self.network, self.form, self.pool, self.segment) = (network, form, pool, segment)
    memory = InferenceMemory(
      network.configuration, form: form, batch: batch, time: segment, workers: pool.threadCount)
    states = ModelState(network.configuration, batch: batch)
    last = Tensor(Shape(batch, network.configuration.width))
    logits = Tensor(Shape(batch, network.configuration.vocabularySize))
    losses = Tensor(Shape(batch))
  }

  /// Reads contexts of equal length in segments, from empty states.
  ///
  /// - Parameters:
  ///   - contexts: B lists of T ids.
  ///   - targets: The token after each.
  /// - Returns: The losses of the targets, in nats.
  func losses(_ contexts: [[Int32]], targets: [Int32]) -> [Double] {
    let (batch, time, width) = (contexts.count, contexts[0].count, network.configuration.width)
    var states = states
    states.clear(on: pool)
    for start in stride(from: 0, to: time, by: segment) {
      let range = start..<min(start + segment, time)
      let ids = Indices(contexts.flatMap { $0[range] })
      let normed = network.forward(ids, batch: batch, form: form, state: &states, memory: memory, on: pool)
      guard range.upperBound == time else { continue }
      for row in 0..<batch {
        let end = (row + 1) * range.count - 1
        last.view(Shape(width), at: row * width).copy(normed.view(Shape(width), at: end * width), on: pool)
      }
    }
    network.computeLogits(logits, last, on: pool)
    crossEntropy(losses, logits: logits, targets: Indices(targets), on: pool)
    return losses.values.map { Double($0) }
  }
}
