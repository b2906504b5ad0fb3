import EngineTestSupport
import Modeling
import Retention
import Tensors
import TestSupport
import Testing

/// A state that every document starts from.
@Suite struct InitialStateTests {
  private let pool = WorkerPool(threadCount: 2)

  private static let lengths = [[5, 13, 2], [1, 17, 2]]

  private func size(_ chunkLength: Int, _ variant: Variant?, isParallel: Bool = false) -> ModelCase {
    var size = ModelCase(
      B: 2, T: 20, H: 4, C: chunkLength, epsilon: 0.1, documents: Self.lengths, variant: variant)
    size.isParallel = isParallel
    return size
  }

  /// Numbers of the size of what retention remembers.
  private func initialState(_ size: ModelCase) -> InitialState {
    let state = InitialState(size.configuration)
    var source = RandomSource(seed: 5)
    state.values.flat.fillNormal(deviation: 0.5, from: &source)
    return state
  }

  private func run(
    _ size: ModelCase, _ state: InitialState?, hasDocuments: Bool, recomputation: Recomputation = .none
  ) -> (loss: Double, gradients: Parameters) {
    let (model, gradients) = (size.models().model, Parameters(size.configuration))
    let memory = TrainingMemory(
      size.configuration, batch: size.B, time: size.T,
      form: size.isParallel ? .parallel : .chunkwise(chunkLength: size.C), recomputation: recomputation,
      hasInitialState: true, workers: pool.threadCount)
    let targets = size.targets()
    let loss = model.addGradient(
      gradients, inputs: indices(size.tokens()), targets: indices(targets),
      documentStarts: hasDocuments ? size.documentStarts.map(indices) : nil, initial: state,
      scoredCount: scoredCount(targets), memory: memory, on: pool)
    return (loss, gradients)
  }

  /// The mean loss by the reference: each document by itself, from position 0 and the state.
  private func expectedLoss(_ size: ModelCase, _ state: ReferenceTensor, hasDocuments: Bool) -> Double {
    let (tokens, targets, reference) = (size.tokens(), size.targets(), size.models().reference)
    let shape = size.configuration.retentionShape(batch: 1, time: 1)
    let extents = [1, shape.heads, shape.keyWidth, shape.valueWidth]
    let count = extents.reduce(1, *)
    let states = (0..<size.L).map { ReferenceTensor(extents, Array(state.values[$0 * count..<($0 + 1) * count])) }
    var sum = 0.0
    for row in 0..<size.B {
      var start = 0
      for length in hasDocuments ? Self.lengths[row] : [size.T] {
        let range = start..<start + length
        start += length
        guard targets[row][range].contains(where: { $0 >= 0 }) else { continue }
        let trace = reference.forward([Array(tokens[row][range])], initialStates: states)
        sum += Reference.crossEntropy(trace.logits, targets: Array(targets[row][range])).lossSum
      }
    }
    return sum / Double(scoredCount(targets))
  }

  @Test(
    arguments: [nil, .layerNormAndBiases, .scaledEmbedding, .ablated, .groupedHeads] as [Variant?],
    [(7, true), (64, true), (7, false)])
  func lossAndGradientAreTheReferences(_ variant: Variant?, _ cut: (chunkLength: Int, hasDocuments: Bool)) {
    let size = size(cut.chunkLength, variant)
    let state = initialState(size)
    let found = run(size, state, hasDocuments: cut.hasDocuments)
    let point = ReferenceTensor([state.values.flat.count], floats: state.values.flat.values)
    expectClose(
      [found.loss], [expectedLoss(size, point, hasDocuments: cut.hasDocuments)], ratio: 1e-6, "loss of \(size)")
    let gradient = ReferenceTensor(point.shape, floats: state.gradients.flat.values)
    var generator = SeededGenerator(seed: 1)
    let directions = (0..<8).map { _ in
      let direction = ReferenceTensor.normal(point.shape, using: &generator)
      return 1 / direction.dot(direction).squareRoot() * direction
    }
    // Small steps, as the variant with relu has kinks, which a difference must not cross.
    let expected = directions.map {
      CentralDifference.derivative(
        of: { expectedLoss(size, $0, hasDocuments: cut.hasDocuments) }, at: point, along: $0, step: 1e-6)
    }
    // As the weights' gradients, in GradientTests.
    expectClose(directions.map(gradient.dot), expected, ratio: 1e-5, "gradient along directions, \(size)")
  }

  /// What is learned through the state reaches the weights too.
  @Test func theGradientOfAWeightGoesThroughTheState() throws {
    let size = size(7, nil)
    let state = initialState(size)
    let found = run(size, state, hasDocuments: true).gradients
    let without = run(size, nil, hasDocuments: true).gradients
    let name = "layers.0.ret.q.weight"
    let reference = size.models().reference
    let point = try #require(reference.parameters[name])
    let values = ReferenceTensor([state.values.flat.count], floats: state.values.flat.values)
    let gradient = try #require(found.tensor(named: name))
    #expect(gradient.values != without.tensor(named: name)?.values)
    let shape = size.configuration.retentionShape(batch: 1, time: 1)
    let extents = [1, shape.heads, shape.keyWidth, shape.valueWidth]
    let count = extents.reduce(1, *)
    let states = (0..<size.L).map { ReferenceTensor(extents, Array(values.values[$0 * count..<($0 + 1) * count])) }
    let (tokens, targets) = (size.tokens(), size.targets())
    expectGradient(ReferenceTensor(point.shape, floats: gradient.values), name, at: point, ratio: 1e-5) { weight in
      var changed = reference
      changed.parameters[name] = weight
      var sum = 0.0
      for row in 0..<size.B {
        var start = 0
        for length in Self.lengths[row] {
          let range = start..<start + length
          start += length
          guard targets[row][range].contains(where: { $0 >= 0 }) else { continue }
          let trace = changed.forward([Array(tokens[row][range])], initialStates: states)
          sum += Reference.crossEntropy(trace.logits, targets: Array(targets[row][range])).lossSum
        }
      }
      return sum / Double(scoredCount(targets))
    }
  }

  @Test func formsAndRecomputationAgree() {
    let size = size(7, nil)
    func gradient(_ size: ModelCase, _ recomputation: Recomputation) -> [Float] {
      let state = initialState(size)
      _ = run(size, state, hasDocuments: true, recomputation: recomputation)
      return state.gradients.flat.values
    }
    let chunkwise = gradient(size, .none)
    #expect(gradient(size, .blocks) == chunkwise)
    var parallel = size
    parallel.isParallel = true
    // The same terms, summed in another order.
    expectClose(gradient(parallel, .none).map(Double.init), chunkwise.map(Double.init), ratio: 1e-5, "parallel")
  }

  @Test func anEmptyStateChangesNothing() {
    let size = size(7, nil)
    let (with, without) = (
      run(size, InitialState(size.configuration), hasDocuments: true), run(size, nil, hasDocuments: true)
    )
    #expect(with.loss == without.loss)
    #expect(with.gradients.flat.values == without.gradients.flat.values)
  }

  @Test func theMemoryIsAsLargeAsItsForecast() {
    let size = size(7, nil)
    let form = RetentionForm.chunkwise(chunkLength: 7)
    let memory = TrainingMemory(
      size.configuration, batch: 2, time: 20, form: form, hasInitialState: true, workers: 2)
    let forecast = TrainingMemory.size(
      size.configuration, batch: 2, time: 20, form: form, hasInitialState: true, workers: 2)
    #expect(storedBytes(of: memory) == forecast.total)
  }
}
