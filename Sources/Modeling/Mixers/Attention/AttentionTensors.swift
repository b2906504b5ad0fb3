internal import Tensors

/// The weights of attention by their names.
struct AttentionTensors<Matrix: Sendable, Vector: Sendable>: Sendable {
  /// Rows of q [H·K], k [Hk·K], v [Hk·K], each by D.
  let projections: Matrix
  /// The bias of the same rows.
  let projectionBias: Vector?
  /// [D, H·K].
  let output: Matrix
  /// [D].
  let outputBias: Vector?

  init(_ tensors: MixerTensors<Matrix, Vector>) {
    (projections, output) = (tensors.matrices[0], tensors.matrices[1])
    (projectionBias, outputBias) = (tensors.vectors[0], tensors.vectors[1])
  }
}

extension AttentionConfiguration {
  /// Takes the next places for q, k, v and the output.
  ///
  /// - Parameters:
  ///   - places: Where they are taken.
  ///   - prefix: What precedes `q.weight` in the names, such as `layers.3.attn.`.
  ///   - c: Resolved.
  /// - Returns: Projections and output, and their biases.
  func addPlaces(
    to places: inout ParameterPlaces, prefix: String, _ c: ModelConfiguration
  ) -> MixerTensors<ParameterPlace, ParameterPlace> {
    let projected = [("q", columns.q.count), ("k", columns.k.count), ("v", columns.v.count)]
    // Gains 2^-½ and 1 (torchscale multihead_attention.py, reset_parameters).
    let projections = places.addStacked(
      projected.map { (prefix + "\($0.0).weight", $0.1) }, columns: c.width, .mixerInput, gain: 0.7071067811865476)
    let projectionBias =
      biases == .none ? nil : places.addStacked(projected.map { (prefix + "\($0.0).bias", $0.1) }, .mixerInput)
    let output = places.add(
      prefix + "o.weight", Shape(c.width, queryWidth), .mixerOutput, isZeroInitially: c.hasZeroInitialOutputs)
    let outputBias = biases == .all ? places.add(prefix + "o.bias", Shape(c.width), .mixerOutput, isBias: true) : nil
    return MixerTensors(matrices: [projections, output], vectors: [projectionBias, outputBias])
  }
}
