package import Modeling
package import Tensors

/// The tensors that the optimizer updates, each with its gradient; all other weights are frozen.
package struct TrainedTensors: Sendable {
  package let descriptions: [ParameterDescription]
  let tensors: [Tensor]
  let gradients: [Tensor]
  /// The buffer of all gradients.
  package let gradient: Tensor
  /// The gradients of frozen weights in the buffer, computed because these share a matrix with a trained weight.
  private let unwanted: [Tensor]

  /// The trained weights of a model.
  ///
  /// - Parameters:
  ///   - parameters: All weights of the model.
  ///   - gradients: The gradients of all trained weights, and possibly of others.
  ///   - isTrained: Whether a weight is trained.
  package init(
    _ parameters: Parameters, gradients: Parameters, where isTrained: (ParameterDescription) -> Bool = { _ in true }
  ) {
    descriptions = parameters.descriptions.filter(isTrained)
    tensors = descriptions.map(parameters.tensor)
    // In the order of `tensors`.
    self.gradients = gradients.descriptions.filter(isTrained).map(gradients.tensor)
    unwanted = gradients.descriptions.filter { !isTrained($0) }.map(gradients.tensor)
    gradient = gradients.flat
    precondition(self.gradients.map(\.shape) == tensors.map(\.shape), "TrainedTensors: a gradient is missing")
  }

  /// The tensors of an initial state.
  package init(_ initial: InitialState) {
    descriptions = initial.values.descriptions
    tensors = initial.values.tensors
    gradients = initial.gradients.tensors
    unwanted = []
    gradient = initial.gradients.flat
  }

  /// Clears the gradients of frozen weights in the buffer.
  func dropUnwanted(on pool: WorkerPool) {
    for tensor in unwanted { tensor.clear(on: pool) }
  }
}
