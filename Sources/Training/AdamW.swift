package import Modeling
package import Tensors

/// AdamW (Loshchilov & Hutter 2019) over the tensors that are trained, with clipping by the global norm.
package struct AdamW: Sendable {
  package let firstMoment: NamedTensors
  package let secondMoment: NamedTensors
  /// Updates made.
  package private(set) var step = 0
  private let trained: TrainedTensors
  private let moments: (first: [Tensor], second: [Tensor])
  private let squares: DoubleBuffer

  /// - Parameter trained: What is updated; what is not among it gets no moments.
  package init(_ trained: TrainedTensors) {
    self.trained = trained
    firstMoment = NamedTensors(trained.descriptions)
    secondMoment = NamedTensors(trained.descriptions)
    moments = (firstMoment.tensors, secondMoment.tensors)
    squares = DoubleBuffer(count: trained.gradient.sumBlockCount)
  }

  /// Counts updates from here on: the moments were read from a file, or cleared.
  mutating func restore(updates: Int) { step = updates }

  /// The global norm √Σ g² of the gradient (docs/MATH.md, eq. 21).
  package func gradientNorm(on pool: WorkerPool) -> Double {
    let outer = pool.charge(.optimizer)
    defer { pool.charge(outer) }
    trained.dropUnwanted(on: pool)
    return trained.gradient.sumOfSquares(scratch: squares, on: pool).squareRoot()
  }

  /// The name of the first tensor whose gradient is not finite, as it was computed last; nil: all are.
  func gradientNotFinite() -> String? {
    zip(trained.descriptions, trained.gradients).first { !$1.isFinite }?.0.name
  }

  /// Updates the tensors once.
  ///
  /// - Parameters:
  ///   - norm: The gradient's global norm.
  ///   - learningRate: Of this step.
  ///   - configuration: Betas, epsilon, decay, clipping.
  ///   - pool: Where the work runs.
  package mutating func update(
    norm: Double, learningRate: Double, _ configuration: TrainingConfiguration, on pool: WorkerPool
  ) {
    let outer = pool.charge(.optimizer)
    defer { pool.charge(outer) }
    step += 1
    let clip = configuration.gradientClip
    // The factor of torch.nn.utils.clip_grad_norm_, 1e-6 included.
    let factor = clip > 0 ? min(1, clip / (norm + 1e-6)) : 1
    for (index, description) in trained.descriptions.enumerated() {
      updateAdamW(
        trained.tensors[index], firstMoment: moments.first[index], secondMoment: moments.second[index],
        gradient: trained.gradients[index],
        AdamWConstants(
          gradientScale: Float(factor), learningRate: Float(learningRate), beta1: Float(configuration.beta1),
          beta2: Float(configuration.beta2), epsilon: Float(configuration.epsilon),
          weightDecay: configuration.weightDecayOn.contains(description) ? Float(configuration.weightDecay) : 0,
          step: step),
        on: pool)
    }
  }
}
