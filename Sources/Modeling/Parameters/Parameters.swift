package import Tensors

/// Every weight of a model, in one flat buffer, or a gradient of the same layout.
///
/// Weights that one product reads together lie together: q, k, v, g of a layer are one matrix, gate and up are another.
/// A gradient may leave out what is not trained (`init(_:gradientsOf:)`).
@dynamicMemberLookup
package struct Parameters: Sendable {
  package let flat: Tensor
  package let descriptions: [ParameterDescription]
  package let tensors: ModelTensors<Tensor, Tensor>
  /// Of a gradient: the lowest block that a backward has to reach.
  package let lowestBlock: Int

  /// All zero.
  ///
  /// - Precondition: The configuration is resolved and has a vocabulary.
  package init(_ configuration: ModelConfiguration) {
    let layout = ParameterLayout(configuration)
    self.init(layout, GradientLayout(layout) { _ in true })
  }

  /// The gradient of some weights, all zero: matrices that are not trained take no memory, and are passed over.
  ///
  /// - Parameters:
  ///   - configuration: Resolved.
  ///   - isTrained: Whether a weight's gradient is wanted; weights that lie together with one that is, norms and biases
  ///     have theirs too.
  package init(_ configuration: ModelConfiguration, gradientsOf isTrained: (ParameterDescription) -> Bool) {
    let layout = ParameterLayout(configuration)
    self.init(layout, GradientLayout(layout, isTrained))
  }

  /// The numbers that `init(_:gradientsOf:)` takes memory for.
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

  /// The names, shapes and places of a configuration's weights; allocates nothing for them.
  package static func descriptions(_ configuration: ModelConfiguration) -> [ParameterDescription] {
    ParameterLayout(configuration).descriptions
  }

  /// The weight with the given place in `descriptions`.
  package func tensor(_ description: ParameterDescription) -> Tensor {
    flat.view(description.shape, at: description.offset)
  }

  /// The weight with the given name.
  package func tensor(named name: String) -> Tensor? {
    descriptions.first { $0.name == name }.map(tensor)
  }

  package var count: Int { flat.count }
}
