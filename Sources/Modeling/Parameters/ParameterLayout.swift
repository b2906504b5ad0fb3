internal import Tensors

/// The place of one weight, or of several adjacent weights, in the flat buffer.
struct ParameterPlace {
  let shape: Shape
  let offset: Int
}

/// The places of a model's weights, one after the other; docs/CHECKPOINT.md, section 2, has the names.
struct ParameterLayout {
  let descriptions: [ParameterDescription]
  /// All places in the order of the flat buffer; several weights may share one.
  let places: [ParameterPlace]
  let count: Int
  let tensors: ModelTensors<ParameterPlace, ParameterPlace>

  init(_ c: ModelConfiguration) {
    precondition(c == c.resolved, "ParameterLayout: configuration is not resolved")
    var places = ParameterPlaces()
    let embedding = places.add("embed.weight", Shape(c.vocabularySize, c.width), .embedding)
    let embeddingNorm = c.hasEmbeddingNorm ? places.addNorm("embed_norm", c) : nil
    let layers = (0..<c.layers).map { layer in
      (places.depth, places.type) = (layer, c.layerTypes[layer])
      defer { places.type = nil }
      return LayerTensors(&places, prefix: "layers.\(layer).", c.layerTypes[layer], c)
    }
    places.depth = c.layers
    let finalNorm = c.hasFinalNorm ? places.addNorm("final_norm", c) : nil
    let head = c.isHeadTied ? embedding : places.add("lm_head.weight", Shape(c.vocabularySize, c.width), .head)
    let headBias = c.hasHeadBias ? places.add("lm_head.bias", Shape(c.vocabularySize), .head, isBias: true) : nil
    tensors = ModelTensors(
      embedding: embedding, embeddingNorm: embeddingNorm, layers: layers, finalNorm: finalNorm, head: head,
      headBias: headBias)
    descriptions = places.descriptions
    self.places = places.all
    count = places.count
  }
}

extension LayerTensors where Matrix == ParameterPlace, Vector == ParameterPlace {
  fileprivate init(_ places: inout ParameterPlaces, prefix: String, _ type: LayerType, _ c: ModelConfiguration) {
    residual =
      c.hasEmbeddingResidual
      ? ResidualTensors(
        stream: places.add(prefix + "residual_scale", Shape(1), .residualScale),
        embedding: places.add(prefix + "embedding_residual_scale", Shape(1), .residualScale)) : nil
    mixerNorm = places.addNorm(prefix + type.mixer.weightPrefix + "_norm", c)
    mixer = type.mixer.addPlaces(to: &places, prefix: prefix, c)

    let isGated = c.feedForward == .glu
    let names = isGated ? ["gate", "up"] : ["fc1"]
    let narrowed = isGated ? "down" : "fc2"
    let F = c.feedForwardWidth
    feedForwardNorm = places.addNorm(prefix + "ffn_norm", c)
    gateUp = places.addStacked(names.map { (prefix + "ffn.\($0).weight", F) }, columns: c.width, .feedForward)
    gateUpBias =
      c.hasFeedForwardBiases ? places.addStacked(names.map { (prefix + "ffn.\($0).bias", F) }, .feedForward) : nil
    down = places.add(
      prefix + "ffn.\(narrowed).weight", Shape(c.width, F), .feedForward, isZeroInitially: c.hasZeroInitialOutputs)
    downBias =
      c.hasFeedForwardBiases
      ? places.add(prefix + "ffn.\(narrowed).bias", Shape(c.width), .feedForward, isBias: true) : nil
  }
}

/// Allocates places, one after the other.
struct ParameterPlaces {
  private(set) var descriptions: [ParameterDescription] = []
  private(set) var all: [ParameterPlace] = []
  private(set) var count = 0
  /// Number of blocks before the weights that follow.
  var depth = 0
  /// The type of the layer that they belong to.
  var type: LayerType?

  /// Adds one weight; `gain` is that of its initialisation, for the weights of mixers.
  mutating func add(
    _ name: String, _ shape: Shape, _ role: ParameterRole, isBias: Bool = false, isZeroInitially: Bool = false,
    gain: Double = 1
  ) -> ParameterPlace {
    let place = ParameterPlace(shape: shape, offset: count)
    all.append(place)
    addWeight(name, shape, role, isBias: isBias, isZeroInitially: isZeroInitially, gain: gain)
    return place
  }

  private mutating func addWeight(
    _ name: String, _ shape: Shape, _ role: ParameterRole, isBias: Bool, isZeroInitially: Bool = false, gain: Double
  ) {
    descriptions.append(
      ParameterDescription(
        name: name, shape: shape, offset: count, role: role, isBias: isBias, depth: depth, layerType: type,
        isZeroInitially: isZeroInitially, gain: gain))
    count += shape.count
  }

  /// Adds parts that are adjacent rows of one matrix, or, without `columns`, of one bias vector.
  mutating func addStacked(
    _ parts: [(name: String, rows: Int)], columns: Int? = nil, _ role: ParameterRole, gain: Double = 1
  ) -> ParameterPlace {
    func shape(_ rows: Int) -> Shape { columns.map { Shape(rows, $0) } ?? Shape(rows) }
    let place = ParameterPlace(shape: shape(parts.reduce(0) { $0 + $1.rows }), offset: count)
    all.append(place)
    for (name, rows) in parts { addWeight(name, shape(rows), role, isBias: columns == nil, gain: gain) }
    return place
  }

  mutating func addNorm(_ name: String, _ c: ModelConfiguration) -> NormTensors<ParameterPlace> {
    NormTensors(
      weight: add(name + ".weight", Shape(c.width), .norm),
      bias: c.norm == .layer ? add(name + ".bias", Shape(c.width), .norm, isBias: true) : nil)
  }
}
