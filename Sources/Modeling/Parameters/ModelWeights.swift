package import Tensors

/// The weights of a model as its forward reads them: matrices in any format, the rest in Float32.
///
/// Weights made from `Parameters` refer to the same numbers, so the next forward sees what training changes. Weights
/// made from a file (`ModelHeader.mapWeights`) leave the matrices in the mapped file.
@dynamicMemberLookup
package struct ModelWeights: Sendable {
  let tensors: ModelTensors<WeightMatrix, Tensor>

  /// Refers to parameters.
  init(_ parameters: Parameters) {
    tensors = parameters.tensors.map(matrix: { WeightMatrix($0) }, vector: { $0 })
  }

  /// A part of the model by its name: `weights.embedding`.
  package subscript<Part>(dynamicMember part: KeyPath<ModelTensors<WeightMatrix, Tensor>, Part>) -> Part {
    tensors[keyPath: part]
  }

  /// Makes the weights from their named parts.
  ///
  /// - Parameters:
  ///   - configuration: Resolved.
  ///   - addRows: Appends the rows of a named matrix to a weight matrix.
  ///   - tensor: Makes a vector, which may hold several named vectors.
  package init(
    _ configuration: ModelConfiguration, addRows: (inout WeightMatrix, ParameterDescription) throws -> Void,
    tensor: ([ParameterDescription]) throws -> Tensor
  ) rethrows {
    let layout = ParameterLayout(configuration)
    let places = WeightPlaces(layout)
    // A tied head is the embedding, which is not made twice.
    var embedding: WeightMatrix?
    tensors = try layout.tensors.map { place in
      if place.offset == layout.tensors.embedding.offset, let embedding { return embedding }
      var matrix = WeightMatrix(columns: place.shape[1])
      for part in places.parts(of: place) { try addRows(&matrix, part) }
      if place.offset == layout.tensors.embedding.offset { embedding = matrix }
      return matrix
    } vector: { place in
      try tensor(places.parts(of: place))
    }
  }

  /// Bytes of the matrices that decoding reads for each token: all except the embedding, of which it reads one row.
  package var decodedByteCount: Int {
    tensors.layers.reduce(tensors.head.byteCount) { sum, layer in
      sum + layer.mixer.matrices.reduce(0) { $0 + $1.byteCount } + layer.gateUp.byteCount + layer.down.byteCount
    }
  }
}

/// The named weights that each place of the flat buffer consists of, in order.
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
