internal import CKernels

/// The constants of one AdamW update (docs/MATH.md, eq. 22).
package struct AdamWConstants: Sendable {
  /// Factor of the gradient when it is read: gradient clipping.
  package var gradientScale: Float
  package var learningRate: Float
  package var beta1: Float
  package var beta2: Float
  package var epsilon: Float
  /// Decoupled weight decay per unit of learning rate.
  package var weightDecay: Float
  /// Which numbers decay.
  package var decayed: DecayedNumbers
  /// Number of this update, from 1.
  package var step: Int

  package init(
    gradientScale: Float, learningRate: Float, beta1: Float, beta2: Float, epsilon: Float, weightDecay: Float,
    decayed: DecayedNumbers = .all, step: Int
  ) {
    self.gradientScale = gradientScale
    self.learningRate = learningRate
    self.beta1 = beta1
    self.beta2 = beta2
    self.epsilon = epsilon
    self.weightDecay = weightDecay
    self.decayed = decayed
    self.step = step
  }
}

/// The numbers of a weight to which decay applies.
package enum DecayedNumbers: Sendable {
  case all
  /// Those that the update brings nearer to zero (cautious weight decay, docs/MATH.md, eq. 22b).
  case shrinking

  /// The least product of a number and its update at which it decays.
  var leastAgreement: Float { self == .all ? -.infinity : 0 }
}

/// One AdamW update: changes the parameters and both moments in place (docs/MATH.md, eq. 22).
///
/// - Parameters:
///   - parameter: Any shape.
///   - firstMoment: As many numbers as `parameter`.
///   - secondMoment: As many numbers as `parameter`.
///   - gradient: As many numbers as `parameter`.
///   - constants: The constants of this update.
///   - pool: Where the blocks run.
package func updateAdamW(
  _ parameter: Tensor, firstMoment: Tensor, secondMoment: Tensor, gradient: Tensor, _ constants: AdamWConstants,
  on pool: WorkerPool
) {
  precondition(
    firstMoment.count == parameter.count && secondMoment.count == parameter.count && gradient.count == parameter.count,
    "updateAdamW: \(parameter.shape), moments \(firstMoment.shape) and \(secondMoment.shape), gradient \(gradient.shape)"
  )
  let corrections = (
    Float(1 - power(Double(constants.beta1), constants.step)), Float(1 - power(Double(constants.beta2), constants.step))
  )
  pool.runRanges(
    of: parameter.count, grain: elementBlock,
    with: (parameter, firstMoment, secondMoment, gradient, constants, corrections)
  ) { context, range in
    let (parameter, firstMoment, secondMoment, gradient, constants, corrections) = context
    let first = range.lowerBound
    unsafe rn_adamw(
      parameter.pointer + first, firstMoment.pointer + first, secondMoment.pointer + first, gradient.pointer + first,
      Int64(range.count), constants.gradientScale, constants.learningRate, constants.beta1, constants.beta2,
      constants.epsilon, constants.learningRate * constants.weightDecay, constants.decayed.leastAgreement,
      corrections.0, corrections.1)
  }
}

/// base^exponent by squaring, in Float64.
private func power(_ base: Double, _ exponent: Int) -> Double {
  var (result, factor, left) = (1.0, base, exponent)
  while left > 0 {
    if left & 1 == 1 { result *= factor }
    factor *= factor
    left >>= 1
  }
  return result
}
