package import Tensors

/// The weights of a model as its forward reads them: the matrices in any format, the rest in Float32.
///
/// Made from `Parameters`, it looks at the same numbers: training changes them, the next forward sees it. Made from a file
/// (`ModelHeader.mapWeights`), the matrices stay in the file's mapping.
package struct ModelWeights: Sendable {
  /// [N, D].
  let embedding: WeightMatrix
  let embeddingNorm: NormParameters?
  let layers: [LayerWeights]
  let finalNorm: NormParameters?
  /// [N, D]; the embedding itself when the head is tied.
  let head: WeightMatrix
  /// [N].
  let headBias: Tensor?

  /// Takes over parameters as they are.
  init(_ parameters: Parameters) {
    embedding = WeightMatrix(parameters.embedding)
    embeddingNorm = parameters.embeddingNorm
    layers = parameters.layers.map { layer in
      LayerWeights(
        retentionNorm: layer.retentionNorm, projections: WeightMatrix(layer.projections),
        projectionBias: layer.projectionBias, headNorm: layer.headNorm, output: WeightMatrix(layer.output),
        outputBias: layer.outputBias, feedForwardNorm: layer.feedForwardNorm, expansion: WeightMatrix(layer.expansion),
        expansionBias: layer.expansionBias, down: WeightMatrix(layer.down), downBias: layer.downBias)
    }
    finalNorm = parameters.finalNorm
    head = WeightMatrix(parameters.head)
    headBias = parameters.headBias
  }

  /// Makes each weight by its place in the file's table of names.
  ///
  /// - Parameters:
  ///   - configuration: Resolved.
  ///   - addRows: Appends the rows of a named matrix to a weight matrix.
  ///   - tensor: Reads a weight that is no matrix, or a few that lie together.
  package init(
    _ configuration: ModelConfiguration, addRows: (inout WeightMatrix, ParameterDescription) throws -> Void,
    tensor: ([ParameterDescription]) throws -> Tensor
  ) rethrows {
    let layout = ParameterLayout(configuration)
    let places = WeightPlaces(layout)
    func matrix(_ place: ParameterPlace) throws -> WeightMatrix {
      var matrix = WeightMatrix(columns: place.shape[1])
      for part in places.parts(of: place) { try addRows(&matrix, part) }
      return matrix
    }
    func vector(_ place: ParameterPlace) throws -> Tensor { try tensor(places.parts(of: place)) }
    func norm(_ place: NormPlaces) throws -> NormParameters {
      NormParameters(weight: try vector(place.weight), bias: try place.bias.map(vector))
    }
    embedding = try matrix(layout.embedding)
    embeddingNorm = try layout.embeddingNorm.map(norm)
    layers = try layout.layers.map { layer in
      LayerWeights(
        retentionNorm: try norm(layer.retentionNorm), projections: try matrix(layer.projections),
        projectionBias: try layer.projectionBias.map(vector), headNorm: try layer.headNorm.map(vector),
        output: try matrix(layer.output), outputBias: try layer.outputBias.map(vector),
        feedForwardNorm: try norm(layer.feedForwardNorm), expansion: try matrix(layer.expansion),
        expansionBias: try layer.expansionBias.map(vector), down: try matrix(layer.down),
        downBias: try layer.downBias.map(vector))
    }
    finalNorm = try layout.finalNorm.map(norm)
    head = configuration.isHeadTied ? embedding : try matrix(layout.head)
    headBias = try layout.headBias.map(vector)
  }

  /// Bytes of the matrices that a token reads when it is decoded: all but the embedding, of which it reads a row.
  package var decodedByteCount: Int {
    layers.reduce(head.byteCount) { sum, layer in
      sum + layer.projections.byteCount + layer.output.byteCount + layer.expansion.byteCount + layer.down.byteCount
    }
  }
}

/// The weights of one block; shapes as in `LayerParameters`.
struct LayerWeights: Sendable {
  let retentionNorm: NormParameters
  let projections: WeightMatrix
  let projectionBias: Tensor?
  let headNorm: Tensor?
  let output: WeightMatrix
  let outputBias: Tensor?
  let feedForwardNorm: NormParameters
  let expansion: WeightMatrix
  let expansionBias: Tensor?
  let down: WeightMatrix
  let downBias: Tensor?
}

/// Which named weights a place of the flat buffer is made of, in order.
private struct WeightPlaces {
  private var byOffset: [Int: ParameterDescription] = [:]

  init(_ layout: ParameterLayout) {
    for description in layout.descriptions { byOffset[description.offset] = description }
  }

  func parts(of place: ParameterPlace) -> [ParameterDescription] {
    var (parts, offset) = ([ParameterDescription](), place.offset)
    while offset < place.offset + place.shape.count, let part = byOffset[offset] {
      parts.append(part)
      offset += part.shape.count
    }
    return parts
  }
}
