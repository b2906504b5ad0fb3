package import Modeling
package import Tensors

/// What the optimizer changes, each tensor with its gradient; all other weights are frozen.
package struct TrainedTensors: Sendable {
  package let descriptions: [ParameterDescription]
  let tensors: [Tensor]
  let gradients: [Tensor]
  /// The buffer of all gradients.
  package let gradient: Tensor
  /// Gradients in the buffer that were computed beside others and are not wanted.
  private let unwanted: [Tensor]

  /// Weights of a model.
  ///
  /// - Parameters:
  ///   - parameters: All of them.
  ///   - gradients: Of those that are trained at least.
  ///   - isTrained: Whether a weight is.
  package init(
    _ parameters: Parameters, gradients: Parameters, where isTrained: (ParameterDescription) -> Bool = { _ in true }
  ) {
    descriptions = parameters.descriptions.filter(isTrained)
    tensors = descriptions.map(parameters.tensor)
    // In the same order.
    self.gradients = gradients.descriptions.filter(isTrained).map(gradients.tensor)
    unwanted = gradients.descriptions.filter { !isTrained($0) }.map(gradients.tensor)
    gradient = gradients.flat
    precondition(self.gradients.map(\.shape) == tensors.map(\.shape), "TrainedTensors: a gradient is missing")
  }

  /// The numbers of an initial state.
  package init(_ initial: InitialState) {
    descriptions = initial.values.descriptions
    tensors = initial.values.tensors
    gradients = initial.gradients.tensors
    unwanted = []
    gradient = initial.gradients.flat
  }

  /// Makes the buffer of gradients hold no others.
  func dropUnwanted(on pool: WorkerPool) {
    for tensor in unwanted { tensor.clear(on: pool) }
  }
}
