package import Tensors

/// The name and shape of one weight, in the order of the flat buffer.
package struct ParameterDescription: Sendable, Equatable {
  package let name: String
  package let shape: Shape
  /// Where it begins in the flat buffer.
  package let offset: Int

  /// Whether it is a matrix; the others are norm weights and biases.
  package var isMatrix: Bool { shape.rank == 2 }
}

/// Every weight of a model, in one flat buffer, or a gradient of the same layout.
///
/// Weights that one product reads together lie together: q, k, v, g of a layer are one matrix, gate and up are another.
/// A gradient may leave out what is not trained (`init(_:gradientsOf:)`).
package struct Parameters: Sendable {
  package let flat: Tensor
  package let descriptions: [ParameterDescription]
  /// [N, D].
  package let embedding: Tensor
  package let embeddingNorm: NormParameters?
  package let layers: [LayerParameters]
  package let finalNorm: NormParameters?
  /// [N, D]; the embedding itself when the head is tied.
  package let head: Tensor
  /// [N].
  package let headBias: Tensor?
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
    func norm(_ place: NormPlaces) -> NormParameters {
      NormParameters(weight: tensor(place.weight), bias: place.bias.map(tensor))
    }
    self.flat = flat
    descriptions = gradient.descriptions
    lowestBlock = gradient.lowestBlock
    embedding = tensor(layout.embedding)
    embeddingNorm = layout.embeddingNorm.map(norm)
    layers = layout.layers.map { layer in
      LayerParameters(
        retentionNorm: norm(layer.retentionNorm), projections: tensor(layer.projections),
        projectionBias: layer.projectionBias.map(tensor), headNorm: layer.headNorm.map(tensor),
        output: tensor(layer.output), outputBias: layer.outputBias.map(tensor),
        feedForwardNorm: norm(layer.feedForwardNorm), expansion: tensor(layer.expansion),
        expansionBias: layer.expansionBias.map(tensor), down: tensor(layer.down), downBias: layer.downBias.map(tensor))
    }
    finalNorm = layout.finalNorm.map(norm)
    head = tensor(layout.head)
    headBias = layout.headBias.map(tensor)
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

/// Weight [D] of a norm, and the bias [D] of a layer norm.
package struct NormParameters: Sendable {
  package let weight: Tensor
  package let bias: Tensor?
}

/// The weights of one block.
package struct LayerParameters: Sendable {
  package let retentionNorm: NormParameters
  /// Rows of q [H·K], k [Hk·K], v [Hk·V], g [H·V], each by D.
  package let projections: Tensor
  /// Of the same rows.
  package let projectionBias: Tensor?
  /// [V], shared by the heads, or [H·V].
  package let headNorm: Tensor?
  /// [D, H·V].
  package let output: Tensor
  /// [D].
  package let outputBias: Tensor?
  package let feedForwardNorm: NormParameters
  /// Rows of gate [F] (activated) and up [F], or of fc1 [F], each by D.
  package let expansion: Tensor
  /// Of the same rows.
  package let expansionBias: Tensor?
  /// [D, F].
  package let down: Tensor
  /// [D].
  package let downBias: Tensor?
}
