package import Tensors

/// The name and shape of one weight, in the order of the flat buffer.
package struct ParameterDescription: Sendable, Equatable {
  package let name: String
  package let shape: Shape
  /// Where it begins in the flat buffer.
  package let offset: Int

  /// Whether it is a matrix; the others are norm weights.
  package var isMatrix: Bool { shape.rank == 2 }
}

/// Every weight of a model, in one flat buffer, or a gradient of the same layout.
///
/// Weights that one product reads together lie together: q, k, v, g of a layer are one matrix, gate and up are another.
package struct Parameters: Sendable {
  package let flat: Tensor
  package let descriptions: [ParameterDescription]
  /// [N, D].
  package let embedding: Tensor
  package let layers: [LayerParameters]
  /// [D].
  package let finalNorm: Tensor
  /// [N, D]; the embedding itself when the head is tied.
  package let head: Tensor

  /// All zero.
  ///
  /// - Precondition: The configuration is resolved and has a vocabulary.
  package init(_ configuration: ModelConfiguration) {
    let (c, layout) = (configuration, Layout(configuration))
    let flat = Tensor(Shape(layout.count))
    func tensor(_ index: Int) -> Tensor {
      flat.view(layout.descriptions[index].shape, at: layout.descriptions[index].offset)
    }
    self.flat = flat
    descriptions = layout.descriptions
    embedding = tensor(layout.embedding)
    layers = layout.layers.map { layer in
      let (q, gate) = (layout.descriptions[layer.q], layout.descriptions[layer.gate])
      return LayerParameters(
        retentionNorm: tensor(layer.retentionNorm),
        projections: flat.view(Shape(2 * c.keyWidth + 2 * c.valueWidth, c.width), at: q.offset),
        output: tensor(layer.output), headNorm: tensor(layer.headNorm), feedForwardNorm: tensor(layer.feedForwardNorm),
        gateAndUp: flat.view(Shape(2 * c.feedForwardWidth, c.width), at: gate.offset), down: tensor(layer.down))
    }
    finalNorm = tensor(layout.finalNorm)
    head = tensor(layout.head)
  }

  /// The names, shapes and places of a configuration's weights; allocates nothing for them.
  package static func descriptions(_ configuration: ModelConfiguration) -> [ParameterDescription] {
    Layout(configuration).descriptions
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

/// The weights of one block.
package struct LayerParameters: Sendable {
  /// [D].
  package let retentionNorm: Tensor
  /// Rows of q [H·K], k [H·K], v [H·V], g [H·V], each by D.
  package let projections: Tensor
  /// [D, H·V].
  package let output: Tensor
  /// [V], shared by the heads.
  package let headNorm: Tensor
  /// [D].
  package let feedForwardNorm: Tensor
  /// Rows of gate [F] (activated), up [F], each by D.
  package let gateAndUp: Tensor
  /// [D, F].
  package let down: Tensor
}

/// The places of a model's weights, one after the other.
private struct Layout {
  var descriptions: [ParameterDescription] = []
  var count = 0
  var embedding = 0
  var layers: [LayerLayout] = []
  var finalNorm = 0
  var head = 0

  init(_ c: ModelConfiguration) {
    precondition(c.vocabularySize > 0 && c.keyWidth > 0, "Parameters: configuration is not resolved")
    embedding = add("embed.weight", Shape(c.vocabularySize, c.width))
    for layer in 0..<c.layers { layers.append(LayerLayout(&self, layer: layer, c)) }
    finalNorm = add("final_norm.weight", Shape(c.width))
    head = c.isHeadTied ? embedding : add("lm_head.weight", Shape(c.vocabularySize, c.width))
  }

  mutating func add(_ name: String, _ shape: Shape) -> Int {
    descriptions.append(ParameterDescription(name: name, shape: shape, offset: count))
    count += shape.count
    return descriptions.count - 1
  }
}

/// The places of one block's weights in the list of descriptions.
private struct LayerLayout {
  let retentionNorm: Int
  let q: Int
  let output: Int
  let headNorm: Int
  let feedForwardNorm: Int
  let gate: Int
  let down: Int

  init(_ layout: inout Layout, layer: Int, _ c: ModelConfiguration) {
    let prefix = "layers.\(layer)."
    retentionNorm = layout.add(prefix + "ret_norm.weight", Shape(c.width))
    q = layout.add(prefix + "ret.q.weight", Shape(c.keyWidth, c.width))
    _ = layout.add(prefix + "ret.k.weight", Shape(c.keyWidth, c.width))
    _ = layout.add(prefix + "ret.v.weight", Shape(c.valueWidth, c.width))
    _ = layout.add(prefix + "ret.g.weight", Shape(c.valueWidth, c.width))
    output = layout.add(prefix + "ret.o.weight", Shape(c.width, c.valueWidth))
    headNorm = layout.add(prefix + "ret.head_norm.weight", Shape(c.valueWidth / c.heads))
    feedForwardNorm = layout.add(prefix + "ffn_norm.weight", Shape(c.width))
    gate = layout.add(prefix + "ffn.gate.weight", Shape(c.feedForwardWidth, c.width))
    _ = layout.add(prefix + "ffn.up.weight", Shape(c.feedForwardWidth, c.width))
    down = layout.add(prefix + "ffn.down.weight", Shape(c.width, c.feedForwardWidth))
  }
}
