internal import Tensors

/// Where a weight, or a few that lie together, begins in the flat buffer.
struct ParameterPlace {
  let shape: Shape
  let offset: Int
}

struct NormPlaces {
  let weight: ParameterPlace
  let bias: ParameterPlace?
}

/// The places of a model's weights, one after the other (names: docs/CHECKPOINT.md, section 2).
struct ParameterLayout {
  private(set) var descriptions: [ParameterDescription] = []
  /// All of them, in the order of the flat buffer; several weights may share one.
  private(set) var places: [ParameterPlace] = []
  private(set) var count = 0
  let embedding: ParameterPlace
  let embeddingNorm: NormPlaces?
  let layers: [LayerLayout]
  let finalNorm: NormPlaces?
  let head: ParameterPlace
  let headBias: ParameterPlace?

  init(_ c: ModelConfiguration) {
    precondition(c.vocabularySize > 0 && c == c.resolved, "ParameterLayout: configuration is not resolved")
    var places = Places()
    embedding = places.add("embed.weight", Shape(c.vocabularySize, c.width))
    embeddingNorm = c.hasEmbeddingNorm ? places.addNorm("embed_norm", c) : nil
    layers = (0..<c.layers).map { LayerLayout(&places, prefix: "layers.\($0).", c) }
    finalNorm = c.hasFinalNorm ? places.addNorm("final_norm", c) : nil
    head = c.isHeadTied ? embedding : places.add("lm_head.weight", Shape(c.vocabularySize, c.width))
    headBias = c.hasHeadBias ? places.add("lm_head.bias", Shape(c.vocabularySize)) : nil
    descriptions = places.descriptions
    self.places = places.all
    count = places.count
  }
}

/// The places of one block's weights.
struct LayerLayout {
  let retentionNorm: NormPlaces
  let projections: ParameterPlace
  let projectionBias: ParameterPlace?
  let headNorm: ParameterPlace?
  let output: ParameterPlace
  let outputBias: ParameterPlace?
  let feedForwardNorm: NormPlaces
  let expansion: ParameterPlace
  let expansionBias: ParameterPlace?
  let down: ParameterPlace
  let downBias: ParameterPlace?

  fileprivate init(_ places: inout Places, prefix: String, _ c: ModelConfiguration) {
    let columns = ProjectionColumns(c)
    var projected = [("q", columns.q), ("k", columns.k), ("v", columns.v)]
    if let g = columns.g { projected.append(("g", g)) }
    retentionNorm = places.addNorm(prefix + "ret_norm", c)
    projections = places.addStacked(projected.map { (prefix + "ret.\($0.0).weight", $0.1.count) }, columns: c.width)
    projectionBias =
      c.hasRetentionBiases ? places.addStacked(projected.map { (prefix + "ret.\($0.0).bias", $0.1.count) }) : nil
    output = places.add(prefix + "ret.o.weight", Shape(c.width, c.valueWidth))
    outputBias = c.hasRetentionBiases ? places.add(prefix + "ret.o.bias", Shape(c.width)) : nil
    switch c.headNormWeight {
    case .none: headNorm = nil
    case .shared: headNorm = places.add(prefix + "ret.head_norm.weight", Shape(c.valueWidth / c.heads))
    case .full: headNorm = places.add(prefix + "ret.head_norm.weight", Shape(c.valueWidth))
    }

    let isGated = c.feedForward == .glu
    let expanded = isGated ? ["gate", "up"] : ["fc1"]
    let narrowed = isGated ? "down" : "fc2"
    let F = c.feedForwardWidth
    feedForwardNorm = places.addNorm(prefix + "ffn_norm", c)
    expansion = places.addStacked(expanded.map { (prefix + "ffn.\($0).weight", F) }, columns: c.width)
    expansionBias = c.hasFeedForwardBiases ? places.addStacked(expanded.map { (prefix + "ffn.\($0).bias", F) }) : nil
    down = places.add(prefix + "ffn.\(narrowed).weight", Shape(c.width, F))
    downBias = c.hasFeedForwardBiases ? places.add(prefix + "ffn.\(narrowed).bias", Shape(c.width)) : nil
  }
}

/// Hands out places.
private struct Places {
  var descriptions: [ParameterDescription] = []
  var all: [ParameterPlace] = []
  var count = 0

  mutating func add(_ name: String, _ shape: Shape) -> ParameterPlace {
    let place = ParameterPlace(shape: shape, offset: count)
    all.append(place)
    addWeight(name, shape)
    return place
  }

  private mutating func addWeight(_ name: String, _ shape: Shape) {
    descriptions.append(ParameterDescription(name: name, shape: shape, offset: count))
    count += shape.count
  }

  /// Parts with rows of their own that lie together as one matrix, or one vector.
  mutating func addStacked(_ parts: [(name: String, rows: Int)], columns: Int? = nil) -> ParameterPlace {
    let rows = parts.reduce(0) { $0 + $1.rows }
    let place = ParameterPlace(shape: columns.map { Shape(rows, $0) } ?? Shape(rows), offset: count)
    all.append(place)
    for (name, rows) in parts { addWeight(name, columns.map { Shape(rows, $0) } ?? Shape(rows)) }
    return place
  }

  mutating func addNorm(_ name: String, _ c: ModelConfiguration) -> NormPlaces {
    NormPlaces(
      weight: add(name + ".weight", Shape(c.width)),
      bias: c.norm == .layer ? add(name + ".bias", Shape(c.width)) : nil)
  }
}

/// What weights are for.
package enum ParameterPart: String, CaseIterable, Sendable {
  case embedding
  /// Projections to queries, keys, values and gates, and the output.
  case retention
  case feedForward = "feed-forward"
  /// Every norm, that of the heads included.
  case norms
  /// The output head, where it is not the embedding.
  case head
}

extension ParameterDescription {
  /// Told by the name (docs/CHECKPOINT.md, section 2).
  package var part: ParameterPart {
    if name.contains("norm.") { return .norms }
    if name.hasPrefix("embed.") { return .embedding }
    if name.hasPrefix("lm_head.") { return .head }
    return name.contains(".ret.") ? .retention : .feedForward
  }
}
