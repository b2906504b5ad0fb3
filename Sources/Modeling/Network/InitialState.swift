internal import Retention
package import Tensors

/// A trainable recurrent state that every document starts from instead of an empty one, and its gradient.
package struct InitialState: Sendable {
  /// `layers.i.stored` [1, H, K, V], as in a state file; the scale of each is 1.
  package let values: NamedTensors
  package let gradients: NamedTensors
  let layers: [MixerInitialState]

  /// A state of zeros.
  package init(_ configuration: ModelConfiguration) {
    let shape = configuration.retentionShape(batch: 1, time: 1)
    let descriptions = Self.descriptions(configuration)
    let (values, gradients) = (NamedTensors(descriptions), NamedTensors(descriptions))
    self.values = values
    self.gradients = gradients
    let extents = Shape(shape.heads, shape.keyWidth, shape.valueWidth)
    layers = values.descriptions.map {
      MixerInitialState(
        values: values.flat.view(extents, at: $0.offset), gradients: gradients.flat.view(extents, at: $0.offset))
    }
  }

  /// Names and shapes; allocates no numbers.
  package static func descriptions(_ configuration: ModelConfiguration) -> [ParameterDescription] {
    let shape = configuration.retentionShape(batch: 1, time: 1)
    let extents = Shape(1, shape.heads, shape.keyWidth, shape.valueWidth)
    return (0..<configuration.layers).map {
      ParameterDescription(
        name: "layers.\($0).stored", shape: extents, offset: $0 * extents.count, role: .initialState, isBias: false,
        depth: $0)
    }
  }

  /// A copy as the state of one sequence at position 0.
  package func makeState(_ configuration: ModelConfiguration, on pool: WorkerPool) -> ModelState {
    let state = ModelState(configuration, batch: 1)
    for (layer, own) in zip(state.layers, values.tensors) { layer.start(from: own, on: pool) }
    return state
  }
}
