/// The tensors of a model, generic in what stands for a matrix and a vector.
///
/// They are places in a buffer, tensors, or weights in any format.
package struct ModelTensors<Matrix: Sendable, Vector: Sendable>: Sendable {
  /// [N, D].
  package let embedding: Matrix
  package let embeddingNorm: NormTensors<Vector>?
  package let layers: [LayerTensors<Matrix, Vector>]
  package let finalNorm: NormTensors<Vector>?
  /// [N, D]; the embedding itself if the head is tied.
  package let head: Matrix
  /// [N].
  package let headBias: Vector?

  /// The same tensors, each converted.
  func map<M, V>(
    matrix: (Matrix) throws -> M, vector: (Vector) throws -> V
  ) rethrows -> ModelTensors<M, V> {
    ModelTensors<M, V>(
      embedding: try matrix(embedding), embeddingNorm: try embeddingNorm?.map(vector),
      layers: try layers.map { try $0.map(matrix: matrix, vector: vector) }, finalNorm: try finalNorm?.map(vector),
      head: try matrix(head), headBias: try headBias.map(vector))
  }
}

/// The tensors of one block.
package struct LayerTensors<Matrix: Sendable, Vector: Sendable>: Sendable {
  /// With an embedding residual.
  package let residual: ResidualTensors<Vector>?
  package let mixerNorm: NormTensors<Vector>
  package let mixer: MixerTensors<Matrix, Vector>
  package let feedForwardNorm: NormTensors<Vector>
  /// Rows of gate [F] (activated) and up [F], or of fc1 [F], each by D.
  package let gateUp: Matrix
  /// The bias of the same rows.
  package let gateUpBias: Vector?
  /// [D, F].
  package let down: Matrix
  /// [D].
  package let downBias: Vector?

  func map<M, V>(
    matrix: (Matrix) throws -> M, vector: (Vector) throws -> V
  ) rethrows -> LayerTensors<M, V> {
    LayerTensors<M, V>(
      residual: try residual?.map(vector), mixerNorm: try mixerNorm.map(vector),
      mixer: try mixer.map(matrix: matrix, vector: vector),
      feedForwardNorm: try feedForwardNorm.map(vector), gateUp: try matrix(gateUp),
      gateUpBias: try gateUpBias.map(vector), down: try matrix(down), downBias: try downBias.map(vector))
  }
}

/// The scalars by which a block's input is mixed: stream · (the residual stream) + embedding · (the embedding).
package struct ResidualTensors<Vector: Sendable>: Sendable {
  /// [1].
  package let stream: Vector
  /// [1].
  package let embedding: Vector

  func map<V>(_ vector: (Vector) throws -> V) rethrows -> ResidualTensors<V> {
    ResidualTensors<V>(stream: try vector(stream), embedding: try vector(embedding))
  }
}

/// The weight [D] of a norm, and the bias [D] of a layer norm.
package struct NormTensors<Vector: Sendable>: Sendable {
  package let weight: Vector
  package let bias: Vector?

  func map<V>(_ vector: (Vector) throws -> V) rethrows -> NormTensors<V> {
    NormTensors<V>(weight: try vector(weight), bias: try bias.map(vector))
  }
}
