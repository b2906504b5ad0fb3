internal import Glibc

extension Reference {
  /// The constants of AdamW.
  package struct AdamWConstants: Sendable {
    package var learningRate: Double
    package var beta1: Double
    package var beta2: Double
    package var epsilon: Double
    package var weightDecay: Double
    /// Whether only numbers decay that the update brings nearer to zero.
    package var isCautious = false

    /// Takes every constant; there is no default.
    package init(learningRate: Double, beta1: Double, beta2: Double, epsilon: Double, weightDecay: Double) {
      self.learningRate = learningRate
      self.beta1 = beta1
      self.beta2 = beta2
      self.epsilon = epsilon
      self.weightDecay = weightDecay
    }
  }

  /// One step of AdamW with decoupled decay and bias correction, as `torch.optim.AdamW` does it.
  ///
  /// p ← p (1 − lr·wd); m ← β₁m + (1 − β₁)g; v ← β₂v + (1 − β₂)g²;
  /// p ← p − lr · (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε) (docs/MATH.md, eq. 22).
  ///
  /// - Parameters:
  ///   - parameter: p, any shape.
  ///   - firstMoment: m, zero before the first step.
  ///   - secondMoment: v, zero before the first step.
  ///   - gradient: g.
  ///   - step: t, 1 for the first step.
  ///   - constants: Learning rate and the rest.
  package static func adamWStep(
    _ parameter: inout ReferenceTensor, firstMoment: inout ReferenceTensor, secondMoment: inout ReferenceTensor,
    gradient: ReferenceTensor, step: Int, constants: AdamWConstants
  ) {
    precondition(
      [firstMoment.shape, secondMoment.shape, gradient.shape].allSatisfy { $0 == parameter.shape },
      "adamWStep: shapes differ from \(parameter.shape)")
    precondition(step >= 1, "adamWStep: step \(step)")
    let correction1 = 1 - pow(constants.beta1, Double(step))
    let correction2 = 1 - pow(constants.beta2, Double(step))
    for i in 0..<parameter.count {
      let g = gradient.values[i]
      let m = constants.beta1 * firstMoment.values[i] + (1 - constants.beta1) * g
      let v = constants.beta2 * secondMoment.values[i] + (1 - constants.beta2) * g * g
      let direction = (m / correction1) / ((v / correction2).squareRoot() + constants.epsilon)
      parameter.values[i] = moved(
        parameter.values[i], direction, rate: constants.learningRate,
        decay: constants.learningRate * constants.weightDecay, isCautious: constants.isCautious)
      firstMoment.values[i] = m
      secondMoment.values[i] = v
    }
  }

  /// p − rate · d − decay · p; if cautious, the last term only where d and p have the same sign (docs/MATH.md, eq. 22b).
  private static func moved(
    _ p: Double, _ d: Double, rate: Double, decay: Double, isCautious: Bool
  ) -> Double {
    p - rate * d - (isCautious && d * p < 0 ? 0 : decay * p)
  }

  /// The constants of Muon.
  package struct MuonConstants: Sendable {
    package var learningRate: Double
    package var momentum: Double
    package var weightDecay: Double
    package var isCautious: Bool

    /// Takes every constant; there is no default.
    package init(learningRate: Double, momentum: Double, weightDecay: Double, isCautious: Bool) {
      self.learningRate = learningRate
      self.momentum = momentum
      self.weightDecay = weightDecay
      self.isCautious = isCautious
    }
  }

  /// One step of Muon with Nesterov momentum and the scale of Liu et al. 2025 (docs/MATH.md, eq. 33).
  ///
  /// - Parameters:
  ///   - parameter: p [rows, columns].
  ///   - momentum: M, zero before the first step.
  ///   - gradient: g.
  ///   - constants: Learning rate and the rest.
  ///   - orthogonalize: Makes a matrix [m, n], m ≤ n, nearly orthogonal: `newtonSchulz` or `decorrelatedRows`.
  package static func muonStep(
    _ parameter: inout ReferenceTensor, momentum: inout ReferenceTensor, gradient: ReferenceTensor,
    constants: MuonConstants, orthogonalize: (ReferenceTensor) -> ReferenceTensor
  ) {
    momentum = constants.momentum * momentum + gradient
    let nesterov = constants.momentum * momentum + gradient
    let isTall = nesterov.shape[0] > nesterov.shape[1]
    let wide = orthogonalize(isTall ? transposed(nesterov) : nesterov)
    let direction = isTall ? transposed(wide) : wide
    let rate = constants.learningRate * 0.2 * Double(max(nesterov.shape[0], nesterov.shape[1])).squareRoot()
    for i in 0..<parameter.count {
      parameter.values[i] = moved(
        parameter.values[i], direction.values[i], rate: rate,
        decay: constants.learningRate * constants.weightDecay, isCautious: constants.isCautious)
    }
  }

  /// X / (‖X‖ + 1e-7), then `iterations` times X ← a X + b A X + c A² X with A = XXᵀ (docs/MATH.md, eq. 33).
  package static func newtonSchulz(_ x: ReferenceTensor, iterations: Int) -> ReferenceTensor {
    var x = (1 / (x.dot(x).squareRoot() + 1e-7)) * x
    for _ in 0..<iterations {
      let gram = product(x, transposed(x))
      let polynomial = -4.7750 * gram + 2.0315 * product(gram, gram)
      x = 3.4445 * x + product(polynomial, x)
    }
    return x
  }

  /// Rows of norm 1, each freed of what it shares with the rows before it, by forward substitution, and of norm 1 again
  /// (docs/MATH.md, eq. 34).
  package static func decorrelatedRows(_ x: ReferenceTensor) -> ReferenceTensor {
    let q = normalizedRows(x)
    let gram = product(q, transposed(q))
    var solved = q
    for i in 0..<q.shape[0] {
      for j in 0..<i {
        for column in 0..<q.shape[1] { solved[i, column] -= gram[i, j] * solved[j, column] }
      }
    }
    return normalizedRows(solved)
  }

  private static func normalizedRows(_ x: ReferenceTensor) -> ReferenceTensor {
    var result = x
    for i in 0..<x.shape[0] {
      let row = x.slice(axis: 0, i..<i + 1)
      let norm = row.dot(row).squareRoot() + 1e-7
      for j in 0..<x.shape[1] { result[i, j] /= norm }
    }
    return result
  }

  private static func product(_ a: ReferenceTensor, _ b: ReferenceTensor) -> ReferenceTensor {
    var result = ReferenceTensor([a.shape[0], b.shape[1]])
    for i in 0..<a.shape[0] {
      for k in 0..<a.shape[1] {
        for j in 0..<b.shape[1] { result[i, j] += a[i, k] * b[k, j] }
      }
    }
    return result
  }

  private static func transposed(_ x: ReferenceTensor) -> ReferenceTensor {
    var result = ReferenceTensor([x.shape[1], x.shape[0]])
    for i in 0..<x.shape[0] {
      for j in 0..<x.shape[1] { result[j, i] = x[i, j] }
    }
    return result
  }

  /// The Euclidean norm of all gradients together.
  package static func globalNorm(_ gradients: some Sequence<ReferenceTensor>) -> Double {
    gradients.reduce(0) { $0 + $1.dot($1) }.squareRoot()
  }

  /// The factor that clips gradients of a given global norm: min(1, c / (norm + 1e-6)) (docs/MATH.md, eq. 21).
  ///
  /// Source: the constant is that of `torch.nn.utils.clip_grad_norm_`.
  package static func clippingFactor(norm: Double, maximumNorm: Double) -> Double {
    min(1, maximumNorm / (norm + 1e-6))
  }
}
