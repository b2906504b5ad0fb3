internal import Modeling
internal import Tensors

/// The exponential moving average of the trained weights over the updates (docs/MATH.md, eq. 35).
struct WeightAverage: Sendable {
  /// The averaged weights, saved like the slots of the optimizer.
  let slot: OptimizerSlot
  private let pairs: [(average: Tensor, weight: Tensor)]

  /// - Parameter trained: The weights that are averaged; all others do not change.
  init(of trained: TrainedTensors) {
    slot = OptimizerSlot(name: "average", tensors: NamedTensors(trained.descriptions))
    pairs = Array(zip(slot.tensors.tensors, trained.tensors)).map { (average: $0, weight: $1) }
  }

  /// The bytes that `init` allocates.
  static func byteCount(_ trained: [ParameterDescription]) -> Double {
    Tensor.byteCount(trained.reduce(0) { $0 + $1.shape.count })
  }

  /// Starts over with the current weights.
  func start(on pool: WorkerPool) {
    for pair in pairs { pair.average.copy(pair.weight, on: pool) }
  }

  /// Takes in the weights after an update.
  ///
  /// The first updates count more: the decay of update n is at most (1 + n) / (10 + n), so that the random weights of
  /// the start are soon forgotten.
  ///
  /// - Parameters:
  ///   - update: The number of the update, from 1.
  ///   - decay: The decay of the average.
  ///   - pool: Where the work runs.
  func take(update: Int, decay: Double, on pool: WorkerPool) {
    let decay = min(decay, Double(1 + update) / Double(10 + update))
    for pair in pairs { pair.average.moveTowards(pair.weight, weight: Float(1 - decay), on: pool) }
  }

  /// Exchanges the average with the weights.
  func exchange(on pool: WorkerPool) {
    for pair in pairs { pair.average.exchange(with: pair.weight, on: pool) }
  }
}
