package import Tensors

/// Every weight of a model in one flat buffer, or a gradient with the same layout.
///
/// Weights that one product reads together are adjacent: q, k, v, g of a layer are one matrix, gate and up are another.
/// A gradient may leave out weights that are not trained (`init(_:gradientsOf:)`).
@dynamicMemberLookup
package struct Parameters: Sendable {
  package let flat: Tensor
  package let descriptions: [ParameterDescription]
  package let tensors: ModelTensors<Tensor, Tensor>
  /// The lowest block that the backward of this gradient must reach.
  package let lowestBlock: Int

  /// Parameters of zeros.
  ///
  /// - Precondition: The configuration is resolved and has a vocabulary.
  package init(_ configuration: ModelConfiguration) {
    let layout = ParameterLayout(configuration)
    self.init(layout, GradientLayout(layout) { _ in true })
  }

  /// A gradient of some weights, all zero. Matrices that are not trained take no memory.
  ///
  /// - Parameters:
  ///   - configuration: Resolved.
  ///   - isTrained: Whether a weight is trained. Norms, biases, and weights adjacent to a trained one have a gradient
  ///     in any case.
  package init(_ configuration: ModelConfiguration, gradientsOf isTrained: (ParameterDescription) -> Bool) {
    let layout = ParameterLayout(configuration)
    self.init(layout, GradientLayout(layout, isTrained))
  }

  /// Count of the numbers that `init(_:gradientsOf:)` allocates.
  package static func gradientCount(
    _ configuration: ModelConfiguration, of isTrained: (ParameterDescription) -> Bool
  ) -> Int {
    GradientLayout(ParameterLayout(configuration), isTrained).count
  }

  private init(_ layout: ParameterLayout, _ gradient: GradientLayout) {
    let flat = Tensor(Shape(gradient.count))
    func tensor(_ place: ParameterPlace) -> Tensor {
      gradient.offsets[place.offset].map { flat.view(place.shape, at: $0) }
        ?? flat.view(Shape(0, place.shape.last), at: 0)
    }
    self.flat = flat
    descriptions = gradient.descriptions
    lowestBlock = gradient.lowestBlock
    tensors = layout.tensors.map(matrix: tensor, vector: tensor)
  }

  /// A part of the model by its name: `parameters.embedding`.
  package subscript<Part>(dynamicMember part: KeyPath<ModelTensors<Tensor, Tensor>, Part>) -> Part {
    tensors[keyPath: part]
  }

  /// The names, shapes and offsets of a configuration's weights; allocates no numbers.
  package static func descriptions(_ configuration: ModelConfiguration) -> [ParameterDescription] {
    ParameterLayout(configuration).descriptions
  }

  /// The tensor of an entry of `descriptions`.
  package func tensor(_ description: ParameterDescription) -> Tensor {
    flat.view(description.shape, at: description.offset)
  }

  /// The weight with this name, if there is one.
  package func tensor(named name: String) -> Tensor? {
    descriptions.first { $0.name == name }.map(tensor)
  }

  package var count: Int { flat.count }
}
