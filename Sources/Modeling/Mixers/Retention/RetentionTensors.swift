internal import Tensors

/// The weights of gated retention by their names.
package struct RetentionTensors<Matrix: Sendable, Vector: Sendable>: Sendable {
  /// Rows of q [H·K], k [Hk·K], v [Hk·V], g [H·V], each by D.
  package let projections: Matrix
  /// The bias of the same rows.
  package let projectionBias: Vector?
  /// [D, H·V].
  package let output: Matrix
  /// [D].
  package let outputBias: Vector?
  /// [V], shared by the heads, or [H·V].
  package let headNorm: Vector?
  /// The shape of `headNorm`.
  package let headNormBias: Vector?

  /// Names the tensors of a layer of retention.
  package init(_ tensors: MixerTensors<Matrix, Vector>) {
    (projections, output) = (tensors.matrices[0], tensors.matrices[1])
    (projectionBias, outputBias) = (tensors.vectors[0], tensors.vectors[1])
    (headNorm, headNormBias) = (tensors.vectors[2], tensors.vectors[3])
  }
}

extension RetentionMixer {
  static var weightPrefix: String { "ret" }

  static func addPlaces(
    to places: inout ParameterPlaces, prefix: String, _ c: ModelConfiguration
  ) -> MixerTensors<ParameterPlace, ParameterPlace> {
    let columns = ProjectionColumns(c)
    var projected = [("q", columns.q), ("k", columns.k), ("v", columns.v)]
    if let g = columns.g { projected.append(("g", g)) }
    // Gain 2^-2.5 (torchscale multiscale_retention.py, reset_parameters).
    let projections = places.addStacked(
      projected.map { (prefix + "ret.\($0.0).weight", $0.1.count) }, columns: c.width, .mixerInput,
      gain: 0.17677669529663687)
    let projectionBias =
      c.hasRetentionBiases
      ? places.addStacked(projected.map { (prefix + "ret.\($0.0).bias", $0.1.count) }, .mixerInput) : nil
    let output = places.add(
      prefix + "ret.o.weight", Shape(c.width, c.valueWidth), .mixerOutput, isZeroInitially: c.hasZeroInitialOutputs,
      gain: 0.5)
    let outputBias =
      c.hasRetentionBiases ? places.add(prefix + "ret.o.bias", Shape(c.width), .mixerOutput, isBias: true) : nil
    let headNormShape: Shape? =
      switch c.headNormWeight {
      case .none: nil
      case .shared: Shape(c.valueWidth / c.heads)
      case .full: Shape(c.valueWidth)
      }
    let headNorm = headNormShape.map { places.add(prefix + "ret.head_norm.weight", $0, .norm) }
    let headNormBias =
      c.hasHeadNormBias ? headNormShape.map { places.add(prefix + "ret.head_norm.bias", $0, .norm, isBias: true) } : nil
    return MixerTensors(
      matrices: [projections, output], vectors: [projectionBias, outputBias, headNorm, headNormBias])
  }
}

/// The columns of q, k, v and g in a row of projections.
struct ProjectionColumns {
  let q: Range<Int>
  let k: Range<Int>
  let v: Range<Int>
  /// nil without a gate.
  let g: Range<Int>?

  init(_ c: ModelConfiguration) {
    let (keys, values) = (c.keyWidth * c.keyHeads / c.heads, c.valueWidth * c.keyHeads / c.heads)
    self.init(
      queries: c.keyWidth, keys: keys, values: values, gate: c.hasGate ? c.valueWidth : nil)
  }

  /// The columns of so many queries, keys, values and gates.
  init(queries: Int, keys: Int, values: Int, gate: Int? = nil) {
    q = 0..<queries
    k = q.upperBound..<q.upperBound + keys
    v = k.upperBound..<k.upperBound + values
    let end = v.upperBound
    g = gate.map { end..<end + $0 }
  }

  var count: Int { g?.upperBound ?? v.upperBound }
}
