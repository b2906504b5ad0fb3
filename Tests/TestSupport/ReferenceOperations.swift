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

  func rotation(_ x: ReferenceTensor, _ positions: [[Int]]) -> ReferenceTensor {
    Reference.rotation(x, positions: positions, angles: angles(x.width), layout: configuration.rotationLayout)
  }

  func rotationBackward(_ dy: ReferenceTensor, _ positions: [[Int]]) -> ReferenceTensor {
    Reference.rotationBackward(dy, positions: positions, angles: angles(dy.width), layout: configuration.rotationLayout)
  }

  func parameter(_ name: String) -> ReferenceTensor {
    guard let tensor = parameters[name] else { preconditionFailure("ReferenceRetNet: no parameter '\(name)'") }
    return tensor
  }

  private func angles(_ keyWidth: Int) -> [Double] {
    configuration.angles.table(keyWidth: keyWidth, base: configuration.rotationBase)
  }
}
