package import Modeling
package import Tensors

/// AdamW (Loshchilov & Hutter 2019) over all weights of a model, with clipping by the global norm.
package struct AdamW: Sendable {
  package let firstMoment: Parameters
  package let secondMoment: Parameters
  /// Updates made.
  package private(set) var step = 0
  private let squares: DoubleBuffer

  package init(_ configuration: ModelConfiguration) {
    firstMoment = Parameters(configuration)
    secondMoment = Parameters(configuration)
    squares = DoubleBuffer(count: firstMoment.flat.sumBlockCount)
  }

  /// Counts updates from here on: the moments were read from a file, or cleared.
  mutating func restore(updates: Int) { step = updates }

  /// The global norm √Σ g² of a gradient (docs/MATH.md, eq. 21).
  package func norm(of gradients: Parameters, on pool: WorkerPool) -> Double {
    let outer = pool.charge(.optimizer)
    defer { pool.charge(outer) }
    return gradients.flat.sumOfSquares(scratch: squares, on: pool).squareRoot()
  }

  /// Updates the parameters once.
  ///
  /// - Parameters:
  ///   - parameters: Updated in place.
  ///   - gradients: Of the step's mean loss.
  ///   - norm: The gradients' global norm.
  ///   - learningRate: Of this step.
  ///   - configuration: Betas, epsilon, decay, clipping.
  ///   - pool: Where the work runs.
  package mutating func update(
    _ parameters: Parameters, gradients: Parameters, norm: Double, learningRate: Double,
    _ configuration: TrainingConfiguration, on pool: WorkerPool
  ) {
    let outer = pool.charge(.optimizer)
    defer { pool.charge(outer) }
    step += 1
    let clip = configuration.gradientClip
    // The factor of torch.nn.utils.clip_grad_norm_, 1e-6 included.
    let factor = clip > 0 ? min(1, clip / (norm + 1e-6)) : 1
    for description in parameters.descriptions {
      updateAdamW(
        parameters.tensor(description), firstMoment: firstMoment.tensor(description),
        secondMoment: secondMoment.tensor(description), gradient: gradients.tensor(description),
        AdamWConstants(
          gradientScale: Float(factor), learningRate: Float(learningRate), beta1: Float(configuration.beta1),
          beta2: Float(configuration.beta2), epsilon: Float(configuration.epsilon),
          weightDecay: configuration.weightDecayOn.contains(description) ? Float(configuration.weightDecay) : 0,
          step: step),
        on: pool)
    }
  }
}
