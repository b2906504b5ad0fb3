import Modeling
import TestSupport
import Training

/// A training run in Float64 from first to last: the reference's gradients, clipping and AdamW.
struct ExactTraining {
  /// Of each step, before its update.
  private(set) var losses: [Double] = []
  /// Of the gradients of each step, before they are clipped.
  private(set) var norms: [Double] = []
  /// After the last step.
  private(set) var model: ReferenceRetNet

  /// Runs.
  ///
  /// - Parameters:
  ///   - start: The initial weights.
  ///   - steps: For each step B rows of T + 1 ids: the first T are the inputs, the last T the targets.
  ///   - configuration: The optimiser's constants and the clipping.
  ///   - decayed: Names of the parameters that decay.
  init(_ start: ReferenceRetNet, steps: [[[Int32]]], _ configuration: TrainingConfiguration, decayed: Set<String>) {
    model = start
    var (first, second): ([String: ReferenceTensor], [String: ReferenceTensor]) = ([:], [:])
    for (step, rows) in steps.enumerated() {
      let (loss, gradients) = model.lossAndGradients(
        rows.map { $0.dropLast().map { Int($0) } }, targets: rows.map { $0.dropFirst().map { Int($0) } })
      let norm = Reference.globalNorm(gradients.values)
      let factor =
        configuration.gradientClip > 0
        ? Reference.clippingFactor(norm: norm, maximumNorm: configuration.gradientClip) : 1
      losses.append(loss)
      norms.append(norm)
      for (name, gradient) in gradients {
        let zero = ReferenceTensor(gradient.shape)
        Reference.adamWStep(
          &model.parameters[name, default: zero], firstMoment: &first[name, default: zero],
          secondMoment: &second[name, default: zero], gradient: factor * gradient, step: step + 1,
          constants: .init(
            learningRate: configuration.learningRate, beta1: configuration.beta1, beta2: configuration.beta2,
            epsilon: configuration.epsilon, weightDecay: decayed.contains(name) ? configuration.weightDecay : 0))
      }
    }
  }
}
