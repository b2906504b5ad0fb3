package import Tensors

/// The weights of a model as its forward reads them: the matrices in any format, the rest in Float32.
///
/// Made from `Parameters`, it looks at the same numbers: training changes them, the next forward sees it. Made from a file
/// (`ModelHeader.mapWeights`), the matrices stay in the file's mapping.
@dynamicMemberLookup
package struct ModelWeights: Sendable {
  let tensors: ModelTensors<WeightMatrix, Tensor>

  /// Takes over parameters as they are.
  init(_ parameters: Parameters) {
    tensors = parameters.tensors.map(matrix: { WeightMatrix($0) }, vector: { $0 })
  }

  /// A part of the model by its name: `weights.embedding`.
  package subscript<Part>(dynamicMember part: KeyPath<ModelTensors<WeightMatrix, Tensor>, Part>) -> Part {
    tensors[keyPath: part]
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
    // A tied head is the embedding, which is not read twice.
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

  /// Bytes of the matrices that a token reads when it is decoded: all but the embedding, of which it reads a row.
  package var decodedByteCount: Int {
    tensors.layers.reduce(tensors.head.byteCount) { sum, layer in
      sum + layer.mixer.byteCount + layer.expansion.byteCount + layer.down.byteCount
    }
  }
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
