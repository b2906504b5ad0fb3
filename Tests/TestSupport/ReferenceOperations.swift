internal import Glibc

/// The operations of a model with its configuration's kinds and its parameters, by the parameters' names.
struct ReferenceOperations {
  private let configuration: ReferenceConfiguration
  private let parameters: [String: ReferenceTensor]

  init(_ configuration: ReferenceConfiguration, _ parameters: [String: ReferenceTensor]) {
    (self.configuration, self.parameters) = (configuration, parameters)
  }

  func norm(_ x: ReferenceTensor, _ name: String) -> ReferenceTensor {
    Reference.norm(
      x, configuration.norm, weight: parameter(name + ".weight"), bias: parameters[name + ".bias"],
      epsilon: configuration.epsilon)
  }

  /// The gradient of `x`; those of weight and bias join `gradients`.
  func normBackward(
    _ dy: ReferenceTensor, _ x: ReferenceTensor, _ name: String, _ gradients: inout [String: ReferenceTensor]
  ) -> ReferenceTensor {
    let found = Reference.normBackward(
      dy, x: x, configuration.norm, weight: parameter(name + ".weight"), epsilon: configuration.epsilon)
    gradients[name + ".weight"] = found.dweight
    if parameters[name + ".bias"] != nil { gradients[name + ".bias"] = found.dbias }
    return found.dx
  }

  func linear(_ x: ReferenceTensor, _ name: String) -> ReferenceTensor {
    Reference.linear(x, weight: parameter(name + ".weight"), bias: parameters[name + ".bias"])
  }

  /// The gradient of `x`; those of weight and bias join `gradients`.
  func linearBackward(
    _ dy: ReferenceTensor, _ x: ReferenceTensor, _ name: String, _ gradients: inout [String: ReferenceTensor]
  ) -> ReferenceTensor {
    let found = Reference.linearBackward(dy, x: x, weight: parameter(name + ".weight"))
    gradients[name + ".weight"] = found.dweight
    if parameters[name + ".bias"] != nil { gradients[name + ".bias"] = found.dbias }
    return found.dx
  }

  /// Rotated queries, or with `power` -1 keys: xPos multiplies a pair by ζ^(power · position).
  func rotation(_ x: ReferenceTensor, _ positions: [[Int]], power: Double) -> ReferenceTensor {
    let pairs = x.reshaped(tableShape(x.shape))
    let turned = Reference.rotation(
      pairs, positions: positions, angles: angles(pairs.width), layout: configuration.rotationLayout)
    return xpos(turned, positions, power).reshaped(x.shape)
  }

  func rotationBackward(_ dy: ReferenceTensor, _ positions: [[Int]], power: Double) -> ReferenceTensor {
    let pairs = xpos(dy.reshaped(tableShape(dy.shape)), positions, power)
    return Reference.rotationBackward(
      pairs, positions: positions, angles: angles(pairs.width), layout: configuration.rotationLayout
    ).reshaped(dy.shape)
  }

  /// A state [B, H, K, V] with each row multiplied by ζ^power: the origin of xPos moves by as many steps.
  func movedOrigin(_ state: ReferenceTensor, by power: Int) -> ReferenceTensor {
    guard configuration.xposScaleBase != nil else { return state }
    let (B, H, K, V) = state.shape4
    // The rows are a step whose position is 1.
    let rows = (0..<V).map { v in
      ReferenceTensor(
        [B, 1, H, K],
        (0..<B * H * K).map { state.values[$0 * V + v] })
    }
    var moved = state
    for (v, row) in rows.enumerated() {
      let scaled = xpos(
        row.reshaped(tableShape(row.shape)), [[Int]](repeating: [power], count: B), 1)
      for index in 0..<B * H * K { moved.values[index * V + v] = scaled.values[index] }
    }
    return moved
  }

  /// [B, T, H, K], or [B, T, 1, H·K] if the heads share one table of angles.
  private func tableShape(_ shape: [Int]) -> [Int] {
    configuration.isAngleTableOfAllHeads ? [shape[0], shape[1], 1, shape[2] * shape[3]] : shape
  }

  private func xpos(_ x: ReferenceTensor, _ positions: [[Int]], _ power: Double) -> ReferenceTensor {
    guard let scaleBase = configuration.xposScaleBase else { return x }
    let (B, T, H, K) = x.shape4
    var y = x
    for b in 0..<B {
      for t in 0..<T {
        for h in 0..<H {
          for j in 0..<K {
            let pair = configuration.rotationLayout == .interleaved ? j / 2 : j % (K / 2)
            let zeta = (2 * Double(pair) + 0.4 * Double(K)) / (1.4 * Double(K))
            y[b, t, h, j] *= pow(zeta, power * Double(positions[b][t]) / scaleBase)
          }
        }
      }
    }
    return y
  }

  func parameter(_ name: String) -> ReferenceTensor {
    guard let tensor = parameters[name] else { preconditionFailure("ReferenceRetNet: no parameter '\(name)'") }
    return tensor
  }

  private func angles(_ keyWidth: Int) -> [Double] {
    configuration.angles.table(keyWidth: keyWidth, base: configuration.rotationBase)
  }
}
