internal import Checkpoints
internal import Retention
internal import Tensors

extension ForeignFamily {
  /// Weights of Jamie-Stirling/RetNet, a class from hidden states to hidden states inside a program of the user's own.
  package static let jamieStirling = ForeignFamily(
    name: "jamie-stirling", defaultScoreNorm: .none,
    prefix: { $0.prefix(before: "retentions.0.retentions.0.W_Q") }, plan: { try FamilyPlan(jamieStirling: $0) })
}

extension FamilyPlan {
  /// The plan for Jamie-Stirling/RetNet.
  ///
  /// Source: the repository's src/retnet.py, retention.py and xpos_relative_position.py.
  init(jamieStirling source: ForeignSource) throws {
    let settings = source.settings
    let heads = (0..<1_024).prefix { source.has("retentions.0.retentions.\($0).W_Q") }.count
    let (width, keyWidth) = try source.matrix("retentions.0.retentions.0.W_Q")
    let (_, valueWidth) = try source.matrix("retentions.0.retentions.0.W_V")
    let (inner, _) = try source.matrix("ffns.0.0.weight")
    let tables = try source.tables(width: width)

    var c = ModelConfiguration()
    c.width = width
    c.layers = source.layerCount("retentions.")
    c.heads = try source.heads("heads", inferred: heads)
    c.keyWidth = heads * keyWidth
    c.valueWidth = heads * valueWidth
    c.feedForwardWidth = inner
    c.vocabularySize = tables?.vocabulary ?? 0
    c.isHeadTied = tables.map { $0.head == $0.embedding } ?? false
    c.norm = .layer
    c.normEpsilon = 1e-5
    c.hasFinalNorm = false
    c.headNorm = .layer
    c.headNormWeight = .full
    c.hasHeadNormBias = true
    c.feedForward = .mlp
    c.activation = .gelu
    c.hasFeedForwardBiases = true
    c.hasHeadBias = tables?.headBias != nil
    c.decay = .linspace
    c.rotationLayout = .interleaved
    c.xposScaleBase = 512

    try settings.expect("layers", c.layers)
    try settings.expect("hidden_dim", c.width)
    try settings.expect("ffn_size", c.feedForwardWidth)

    configuration = c
    var names = FamilyNames(
      layers: "",
      names: [
        "ret_norm": "layer_norms_1.#", "ret.q": "retentions.#.retentions.@.W_Q!",
        "ret.k": "retentions.#.retentions.@.W_K!", "ret.v": "retentions.#.retentions.@.W_V!",
        "ret.g": "retentions.#.W_G!", "ret.o": "retentions.#.W_O!", "ret.head_norm": "retentions.#.group_norm",
        "ffn_norm": "layer_norms_2.#", "ffn.fc1": "ffns.#.0", "ffn.fc2": "ffns.#.2",
      ], transposed: ["ret.q", "ret.k", "ret.v", "ret.g", "ret.o"])
    if let tables {
      names.outside = ["embed.weight": tables.embedding, "lm_head.weight": tables.head]
      names.outside["lm_head.bias"] = tables.headBias
      if tables.isHeadTransposed { names.transposed.insert("lm_head") }
    }
    self.names = names
    buffers = (0..<min(c.layers, 1_000)).flatMap { layer in
      (0..<heads).map {
        ForeignBuffer(name: "retentions.\(layer).retentions.\($0).xpos.scale", content: .xposScales)
      }
    }
    // Scores are not divided by √K there.
    factors = ["ret.q.weight": Double(keyWidth).squareRoot()]
    if let tables {
      remarks = tables.remarks
    } else {
      zeros = ["embed.weight", "lm_head.weight"]
      remarks = ["no embedding and head are found; convert needs their names, --embedding-name and --head-name"]
    }
  }
}

extension ForeignSource {
  /// The embedding and the head of a program around the family's class.
  fileprivate struct Tables {
    let embedding: String
    let head: String
    let headBias: String?
    let isHeadTransposed: Bool
    let vocabulary: Int
    var remarks: [String] = []
  }

  /// Finds embedding and head: as the user names them, or the only matrices beside the class that can be these.
  ///
  /// - Parameter width: D.
  /// - Returns: Their names in the file; nil if one is missing or not clear, and they are not required.
  /// - Throws: `ModelFileError.missingTables` if one is missing or not clear; `CheckpointError` for a wrong shape.
  fileprivate func tables(width: Int) throws -> Tables? {
    let own = ["retentions.", "ffns.", "layer_norms_1.", "layer_norms_2."].map { weights.prefix + $0 }
    let strangers = weights.file.tensors.filter { tensor in
      let name = UnwrappedWeights.unwrapped(tensor.name)
      return tensor.shape.count == 2 && tensor.shape.contains(width) && !own.contains { name.hasPrefix($0) }
    }
    let embeddings = strangers.filter { $0.shape[1] == width && $0.name.lowercased().contains("emb") }
    let embedding = tables.embedding ?? (embeddings.count == 1 ? embeddings[0].name : nil)
    let heads = strangers.filter { $0.name != embedding }
    let head = tables.head ?? (heads.count == 1 ? heads[0].name : nil)
    guard let embedding, let head else {
      guard tables.areRequired else { return nil }
      throw ModelFileError.missingTables(
        path: weights.file.path, embedding: embedding, head: head, candidates: strangers.map(\.name).sorted())
    }
    let shape = try shape(ofTable: embedding)
    guard shape[1] == width else {
      throw CheckpointError.tensor(
        path: weights.file.path, name: embedding, expected: "[N, \(width)]", found: "\(shape)")
    }
    let headShape = try self.shape(ofTable: head)
    guard headShape == shape || headShape == shape.reversed() else {
      throw CheckpointError.tensor(
        path: weights.file.path, name: head, expected: "\(shape) or \([shape[1], shape[0]])", found: "\(headShape)")
    }
    let bias = head.hasSuffix(".weight") ? head.dropLast("weight".count) + "bias" : nil
    let remark = "embedding: \(quoted(embedding)), head: \(quoted(head))"
    return Tables(
      embedding: embedding, head: head,
      headBias: bias.flatMap { weights.file.description(of: String($0)) == nil ? nil : String($0) },
      isHeadTransposed: headShape != shape, vocabulary: shape[0],
      remarks: tables.embedding == nil || tables.head == nil ? [remark + " are taken by their shapes"] : [])
  }

  private func shape(ofTable name: String) throws -> [Int] {
    guard let description = weights.file.description(of: name) else {
      throw CheckpointError.missingTensor(path: weights.file.path, name: name)
    }
    guard description.shape.count == 2, !description.shape.contains(0) else {
      throw CheckpointError.tensor(
        path: weights.file.path, name: name, expected: "a matrix with rows and columns", found: "\(description.shape)")
    }
    return description.shape
  }
}
