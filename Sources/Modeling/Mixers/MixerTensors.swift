/// The weights of a mixer in the order of its type, which has names for them.
///
/// Generic in what stands for a matrix and a vector, as `ModelTensors` is.
package struct MixerTensors<Matrix: Sendable, Vector: Sendable>: Sendable {
  let matrices: [Matrix]
  /// nil where a configuration has no such vector.
  let vectors: [Vector?]

  func map<M, V>(
    matrix: (Matrix) throws -> M, vector: (Vector) throws -> V
  ) rethrows -> MixerTensors<M, V> {
    MixerTensors<M, V>(matrices: try matrices.map(matrix), vectors: try vectors.map { try $0.map(vector) })
  }
}
