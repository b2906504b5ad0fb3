internal import Tensors

/// The weights of a mixer, which are those of retention.
package struct MixerTensors<Matrix: Sendable, Vector: Sendable>: Sendable {
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

  func map<M, V>(
    matrix: (Matrix) throws -> M, vector: (Vector) throws -> V
  ) rethrows -> MixerTensors<M, V> {
    MixerTensors<M, V>(
      projections: try matrix(projections), projectionBias: try projectionBias.map(vector), output: try matrix(output),
      outputBias: try outputBias.map(vector), headNorm: try headNorm.map(vector),
      headNormBias: try headNormBias.map(vector))
  }
}

extension MixerTensors where Matrix == ParameterPlace, Vector == ParameterPlace {
  /// Takes the next places.
  init(_ places: inout ParameterPlaces, prefix: String, _ c: ModelConfiguration) {
    let columns = ProjectionColumns(c)
    var projected = [("q", columns.q), ("k", columns.k), ("v", columns.v)]
    if let g = columns.g { projected.append(("g", g)) }
    projections = places.addStacked(
      projected.map { (prefix + "ret.\($0.0).weight", $0.1.count) }, columns: c.width, .mixerInput)
    projectionBias =
      c.hasRetentionBiases
      ? places.addStacked(projected.map { (prefix + "ret.\($0.0).bias", $0.1.count) }, .mixerInput) : nil
    output = places.add(
      prefix + "ret.o.weight", Shape(c.width, c.valueWidth), .mixerOutput, isZeroInitially: c.hasZeroInitialOutputs)
    outputBias =
      c.hasRetentionBiases ? places.add(prefix + "ret.o.bias", Shape(c.width), .mixerOutput, isBias: true) : nil
    let headNormShape: Shape? =
      switch c.headNormWeight {
      case .none: nil
      case .shared: Shape(c.valueWidth / c.heads)
      case .full: Shape(c.valueWidth)
      }
    headNorm = headNormShape.map { places.add(prefix + "ret.head_norm.weight", $0, .norm) }
    headNormBias =
      c.hasHeadNormBias ? headNormShape.map { places.add(prefix + "ret.head_norm.bias", $0, .norm, isBias: true) } : nil
  }
}

extension MixerTensors where Matrix == WeightMatrix {
  /// Bytes of the matrices; decoding reads all of them for each token.
  var byteCount: Int { projections.byteCount + output.byteCount }
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
    q = 0..<c.keyWidth
    k = q.upperBound..<q.upperBound + keys
    v = k.upperBound..<k.upperBound + values
    g = c.hasGate ? v.upperBound..<v.upperBound + c.valueWidth : nil
  }

  var count: Int { g?.upperBound ?? v.upperBound }
}
