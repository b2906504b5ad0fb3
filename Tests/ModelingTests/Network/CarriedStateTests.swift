import EngineTestSupport
import Modeling
import Retention
import Tensors
import TestSupport
import Testing

/// States that go on from segment to segment, constant in the backward.
@Suite struct CarriedStateTests {
  private let pool = WorkerPool(threadCount: 2)

  /// Segments of a stream for each sequence, one after the other.
  private struct Stream {
    let tokens: [[Int]]
    let targets: [[Int]]
    let documents: [[Int]]
  }

  /// Three segments; documents end at their borders and inside, and some go on over a border.
  private func stream(_ size: ModelCase) -> [Stream] {
    let (T, nowhere) = (size.T, [Int](repeating: -1, count: size.T))
    let starts = [
      [nowhere, nowhere], [nowhere, Reference.documentStarts([3, T - 3], isContinued: true)],
      [Reference.documentStarts([T]), Reference.documentStarts([1, 4, T - 5], isContinued: true)],
    ]
    return starts.enumerated().map { index, documents in
      let seed = UInt64(2 * index)
      return Stream(tokens: size.tokens(seed: 40 + seed), targets: size.targets(seed: 41 + seed), documents: documents)
    }
  }

  /// Loss, gradients and the state left behind, segment after segment.
  private func run(
    _ size: ModelCase, _ stream: [Stream], recomputation: Recomputation = .none, on pool: WorkerPool
  ) -> [(loss: Double, gradients: Parameters, state: ModelState)] {
    let model = size.models().model
    let memory = TrainingMemory(
      size.configuration, batch: size.B, time: size.T, form: .chunkwise(chunkLength: size.C),
      recomputation: recomputation, workers: pool.threadCount)
    var state = ModelState(size.configuration, batch: size.B)
    return stream.map { segment in
      let gradients = Parameters(size.configuration)
      var next = state.emptyCopy
      let loss = model.addGradient(
        gradients, inputs: indices(segment.tokens), targets: indices(segment.targets),
        documentStarts: indices(segment.documents), carried: CarriedRows(before: state, after: next, first: 0),
        scoredCount: scoredCount(segment.targets), memory: memory, on: pool)
      next.position = state.position + size.T
      state = next
      return (loss, gradients, next)
    }
  }

  @Test(arguments: [nil, .layerNormAndBiases, .scaledEmbedding, .ablated, .groupedHeads] as [Variant?], [1, 4, 7, 64])
  func eachSegmentsGradientIsTheReferencesWithAConstantState(variant: Variant?, chunkLength: Int) {
    let size = ModelCase(B: 2, T: 9, H: 4, C: chunkLength, epsilon: 0.1, variant: variant)
    let (stream, reference) = (stream(size), size.models().reference)
    var states: [ReferenceTensor]?
    for (index, found) in run(size, stream, on: pool).enumerated() {
      let segment = stream[index]
      let trace = reference.forward(
        segment.tokens, firstPosition: index * size.T, initialStates: states, documentStarts: segment.documents)
      let (sum, count, dlogits) = Reference.crossEntropy(trace.logits, targets: Array(segment.targets.joined()))
      expectClose([found.loss], [sum / Double(count)], ratio: 1e-6, "loss of segment \(index)")
      // As in GradientTests; what enters is a sum of some more Float32 operations.
      for (name, gradient) in reference.backward(1 / Double(count) * dlogits, trace) {
        guard let tensor = found.gradients.tensor(named: name) else { continue }
        expectClose(tensor, gradient, ratio: 1e-5, "\(name), segment \(index), \(size)")
      }
      let left = trace.blocks.map(\.finalState)
      for (layer, state) in left.enumerated() {
        expectClose(
          found.state.layers[layer].retention.values, state.values, ratio: 1e-5,
          "state of layer \(layer), segment \(index)")
      }
      states = left
    }
  }

  @Test(arguments: [nil] + Variant.allCases.filter { $0.isExactInEveryForm && $0.hasFixedState }.map(Optional.some))
  func segmentsHaveTheLossOfTheWhole(variant: Variant?) {
    let size = ModelCase(B: 2, T: 9, H: 4, epsilon: 0.1, variant: variant)
    let stream = stream(size)
    var whole = size
    whole.T = 27
    // A document's start in the whole; what began before its segment began where it did there.
    let documents = (0..<2).map { row in
      var start = -1
      return stream.enumerated().flatMap { index, segment in
        segment.documents[row].map { found in
          if found >= 0 { start = index * size.T + found }
          return start
        }
      }
    }
    func joined(_ part: (Stream) -> [[Int]]) -> [[Int]] { (0..<2).map { row in stream.flatMap { part($0)[row] } } }
    let targets = joined(\.targets)
    let expected = whole.models().model.addGradient(
      Parameters(whole.configuration), inputs: indices(joined(\.tokens)), targets: indices(targets),
      documentStarts: indices(documents), scoredCount: scoredCount(targets), memory: whole.memory(pool), on: pool)
    let found = zip(run(size, stream, on: pool), stream).map { $0.loss * Double(scoredCount($1.targets)) }
    // Float32 sums cut elsewhere.
    expectClose([found.reduce(0, +) / Double(scoredCount(targets))], [expected], ratio: 2e-6, "\(size)")
  }

  @Test func aStateAtADocumentsStartIsForgotten() {
    let size = ModelCase(B: 2, T: 9)
    let stream = stream(size)
    var changed = stream
    changed[1] = Stream(tokens: size.tokens(seed: 90), targets: stream[1].targets, documents: stream[1].documents)
    // In the last segment, the first sequence begins with a document, and the second one's first token is of an old one.
    let last = Stream(
      tokens: stream[2].tokens, targets: [stream[2].targets[0], [-1] + stream[2].targets[1].dropFirst()],
      documents: stream[2].documents)
    let found = run(size, [stream[0], stream[1], last], on: pool)[2]
    let other = run(size, [changed[0], changed[1], last], on: pool)[2]
    #expect(found.loss == other.loss)
    #expect(found.gradients.flat.values == other.gradients.flat.values)
    #expect(found.state.layers.map(\.retention.values) == other.state.layers.map(\.retention.values))
    // With the old document's token scored, what came before is felt.
    let scored = Stream(
      tokens: last.tokens, targets: [last.targets[0], [3] + last.targets[1].dropFirst()], documents: last.documents)
    let felt = run(size, [stream[0], stream[1], scored], on: pool)[2]
    #expect(felt.loss != run(size, [changed[0], changed[1], scored], on: pool)[2].loss)
  }

  @Test(arguments: [nil, .absOfSum, .groupedHeads] as [Variant?])
  func recomputationAndThreadsChangeNoBit(variant: Variant?) {
    let size = ModelCase(B: 2, T: 60, N: 40, D: 48, L: 2, H: 4, K: 8, V: 16, F: 64, C: 32, variant: variant)
    let stream = stream(size)
    func bits(_ recomputation: Recomputation, _ threadCount: Int) -> [[UInt64]] {
      run(size, stream, recomputation: recomputation, on: WorkerPool(threadCount: threadCount)).map { found in
        found.gradients.flat.bits.map(UInt64.init) + [found.loss.bitPattern]
          + found.state.layers.flatMap { $0.retention.values.map(\.bitPattern) }
      }
    }
    let expected = bits(.none, 1)
    for threadCount in [1, 2, 3] { #expect(bits(.blocks, threadCount) == expected) }
    for threadCount in [2, 8] { #expect(bits(.none, threadCount) == expected) }
  }

  @Test(arguments: [1, 2, 4])
  func aRowsStateIsTheRowsWhereverTheBatchIsCut(rows: Int) {
    let size = ModelCase(B: 4, T: 12, epsilon: 0.1)
    let ((model, reference), tokens, targets) = (size.models(), size.tokens(), size.targets())
    var before = ModelState(size.configuration, batch: 4)
    var generator = SeededGenerator(seed: 5)
    for layer in before.layers {
      for index in 0..<layer.retention.stored.count {
        layer.retention.stored[index] = Float(generator.nextUniform() - 0.5)
      }
    }
    before.position = 24
    let trace = reference.forward(
      tokens, firstPosition: 24, initialStates: before.layers.map(\.retention.stored.reference))
    let (sum, count, dlogits) = Reference.crossEntropy(trace.logits, targets: Array(targets.joined()))

    var part = size
    part.B = rows
    let (gradients, memory, after) = (Parameters(size.configuration), part.memory(pool), before.emptyCopy)
    var loss = 0.0
    for first in stride(from: 0, to: 4, by: rows) {
      loss += model.addGradient(
        gradients, inputs: indices(Array(tokens[first..<first + rows])),
        targets: indices(Array(targets[first..<first + rows])),
        carried: CarriedRows(before: before, after: after, first: first), scoredCount: count, memory: memory, on: pool)
    }
    expectClose([loss], [sum / Double(count)], ratio: 1e-6, "loss")
    // As in GradientTests.
    for (name, gradient) in reference.backward(1 / Double(count) * dlogits, trace) {
      guard let tensor = gradients.tensor(named: name) else { continue }
      expectClose(tensor, gradient, ratio: 1e-5, name)
    }
    for (layer, block) in zip(after.layers, trace.blocks) {
      expectClose(layer.retention.values, block.finalState.values, ratio: 1e-5, "state")
    }
  }
}
