/// The whole reference model: embedding, blocks, final norm, logits.
package struct ReferenceRetNet: Sendable {
  package let configuration: ReferenceConfiguration
  /// All parameters by full name, such as `layers.0.ret.q.weight`.
  package var parameters: [String: ReferenceTensor]

  /// Takes parameters whose names and shapes are those of `parameterShapes(of:)`.
  package init(_ configuration: ReferenceConfiguration, parameters: [String: ReferenceTensor]) {
    let shapes = Self.parameterShapes(of: configuration)
    for (name, shape) in shapes {
      precondition(
        parameters[name]?.shape == shape, "\(name): expected \(shape), found \(parameters[name]?.shape ?? [])")
    }
    precondition(parameters.count == shapes.count, "ReferenceRetNet: parameters beyond the expected ones")
    self.configuration = configuration
    self.parameters = parameters
  }

  /// A model with random parameters: norm weights uniform in ½ … 1½, matrices normal with variance 1 / inputs, biases
  /// with variance 1/9.
  package init(random configuration: ReferenceConfiguration, using generator: inout SeededGenerator) {
    var parameters: [String: ReferenceTensor] = [:]
    for (name, shape) in Self.parameterShapes(of: configuration) {
      parameters[name] =
        if name.hasSuffix(".bias") {
          .normal(shape, deviation: 1.0 / 3, using: &generator)
        } else if shape.count == 1 {
          ReferenceTensor(shape, (0..<shape[0]).map { _ in 0.5 + generator.nextUniform() })
        } else {
          .normal(shape, deviation: 1 / Double(shape[1]).squareRoot(), using: &generator)
        }
    }
    self.init(configuration, parameters: parameters)
  }

  /// The names and shapes of all parameters, in order from input to output.
  package static func parameterShapes(of configuration: ReferenceConfiguration) -> [(name: String, shape: [Int])] {
    let table = [configuration.vocabularySize, configuration.width]
    var shapes = [(name: "embed.weight", shape: table)]
    if configuration.hasEmbeddingNorm { shapes += configuration.normShapes("embed_norm") }
    for layer in 0..<configuration.layerCount {
      shapes += configuration.blockParameterShapes(layer).map { ("layers.\(layer).\($0.name)", $0.shape) }
    }
    if configuration.hasFinalNorm { shapes += configuration.normShapes("final_norm") }
    if !configuration.isTied { shapes.append(("lm_head.weight", table)) }
    if configuration.hasHeadBias { shapes.append(("lm_head.bias", [configuration.vocabularySize])) }
    return shapes
  }

  /// A forward pass with what its backward needs.
  package struct Trace: Sendable {
    /// B sequences of T ids.
    package let tokens: [[Int]]
    /// The scaled rows of the embedding [B, T, D], before a norm.
    package let embedded: ReferenceTensor
    /// The residual stream before each block [B, T, D]; that of the first is x₀.
    package let streams: [ReferenceTensor]
    /// What was kept of the branches and of the embedding.
    package let dropout: ReferenceDropout?
    /// Each block's intermediates, first to last; `finalState` of each is the state to carry on.
    package let blocks: [ReferenceBlock]
    /// The residual stream after the last block and its norm [B, T, D].
    package let x, normalised: ReferenceTensor
    /// [B, T, N], capped if the model has a cap.
    package let logits: ReferenceTensor
  }

  /// Runs the model on tokens.
  ///
  /// - Parameters:
  ///   - tokens: B sequences of T ids.
  ///   - firstPosition: The position of the first step.
  ///   - initialStates: One state [B, H, K, V] per layer, or none for zero.
  ///   - documentStarts: As in `RetentionInputs`.
  ///   - dropout: The factors of a training step, or none.
  /// - Returns: The logits and all intermediates.
  package func forward(
    _ tokens: [[Int]], firstPosition: Int = 0, initialStates: [ReferenceTensor]? = nil,
    documentStarts: [[Int]]? = nil, dropout: ReferenceDropout? = nil
  ) -> Trace {
    let operations = ReferenceOperations(configuration, parameters)
    let embedded =
      configuration.embeddingScale * Reference.embedding(tokens, weight: operations.parameter("embed.weight"))
    var x = configuration.hasEmbeddingNorm ? operations.norm(embedded, "embed_norm") : embedded
    let positions = Reference.positions(batch: x.shape[0], time: x.shape[1], from: firstPosition)
    if let dropout { x = dropout.applied(.embedding, to: x) }
    var blocks: [ReferenceBlock] = []
    var streams: [ReferenceTensor] = []
    for layer in 0..<configuration.layerCount {
      streams.append(x)
      if let (lambda, mu) = residualScales(layer) { x = lambda * x + mu * streams[0] }
      let block = ReferenceBlock(
        x, parameters: blockParameters(layer), configuration: configuration,
        type: configuration.type(layer), positions: positions, initialState: initialStates?[layer],
        documentStarts: documentStarts, dropout: dropout?.block(layer))
      blocks.append(block)
      x = block.x2
    }
    let normalised = configuration.hasFinalNorm ? operations.norm(x, "final_norm") : x
    let logits = Reference.linear(
      normalised, weight: operations.parameter(headName), bias: parameters["lm_head.bias"])
    return Trace(
      tokens: tokens, embedded: embedded, streams: streams, dropout: dropout, blocks: blocks, x: x,
      normalised: normalised, logits: configuration.logitSoftcap.map { Reference.softcap(logits, $0) } ?? logits)
  }

  /// Runs a pass backward from the gradient of its logits; no gradient enters through the final states.
  ///
  /// - Parameters:
  ///   - dlogits: [B, T, N].
  ///   - trace: The forward pass.
  /// - Returns: The gradient of every parameter by name; a tied table gets the sum of both uses.
  package func backward(_ dlogits: ReferenceTensor, _ trace: Trace) -> [String: ReferenceTensor] {
    let operations = ReferenceOperations(configuration, parameters)
    var gradients: [String: ReferenceTensor] = [:]
    let dlogits =
      configuration.logitSoftcap.map { Reference.softcapBackward(dlogits, capped: trace.logits, $0) } ?? dlogits
    let head = Reference.linearBackward(dlogits, x: trace.normalised, weight: operations.parameter(headName))
    if configuration.hasHeadBias { gradients["lm_head.bias"] = head.dbias }
    gradients[headName] = head.dweight
    var dx =
      configuration.hasFinalNorm ? operations.normBackward(head.dx, trace.x, "final_norm", &gradients) : head.dx

    var dx0 = ReferenceTensor(dx.shape)
    for (layer, block) in trace.blocks.enumerated().reversed() {
      let found = block.backward(dx)
      for (name, gradient) in found.gradients { gradients["layers.\(layer).\(name)"] = gradient }
      dx = found.dx
      if let (lambda, mu) = residualScales(layer) {
        gradients["layers.\(layer).residual_scale"] = ReferenceTensor([1], [dx.dot(trace.streams[layer])])
        gradients["layers.\(layer).embedding_residual_scale"] = ReferenceTensor([1], [dx.dot(trace.streams[0])])
        dx0 += mu * dx
        dx = lambda * dx
      }
    }
    dx += dx0
    if let dropout = trace.dropout { dx = dropout.applied(.embedding, to: dx) }
    if configuration.hasEmbeddingNorm { dx = operations.normBackward(dx, trace.embedded, "embed_norm", &gradients) }
    let dembedding = Reference.embeddingBackward(
      configuration.embeddingScale * dx, tokens: trace.tokens, vocabularySize: configuration.vocabularySize)
    gradients["embed.weight"] = configuration.isTied ? dembedding + head.dweight : dembedding
    return gradients
  }

  /// The mean cross entropy over the steps that have a target, with the gradient of every parameter.
  ///
  /// - Parameters:
  ///   - tokens: B sequences of T ids.
  ///   - targets: As many ids, −1 where there is none; at least one is not.
  ///   - documentStarts: As in `RetentionInputs`.
  ///   - dropout: As in `forward`.
  /// - Returns: Nats per token, and gradients by name.
  package func lossAndGradients(
    _ tokens: [[Int]], targets: [[Int]], documentStarts: [[Int]]? = nil, dropout: ReferenceDropout? = nil
  ) -> (loss: Double, gradients: [String: ReferenceTensor]) {
    let trace = forward(tokens, documentStarts: documentStarts, dropout: dropout)
    let (lossSum, count, dlogits) = Reference.crossEntropy(trace.logits, targets: Array(targets.joined()))
    precondition(count > 0, "lossAndGradients: no targets")
    return (lossSum / Double(count), backward(1 / Double(count) * dlogits, trace))
  }

  private var headName: String { configuration.isTied ? "embed.weight" : "lm_head.weight" }

  /// λ and μ of a block.
  private func residualScales(_ layer: Int) -> (Double, Double)? {
    guard let lambda = parameters["layers.\(layer).residual_scale"],
      let mu = parameters["layers.\(layer).embedding_residual_scale"]
    else { return nil }
    return (lambda.values[0], mu.values[0])
  }

  private func blockParameters(_ layer: Int) -> [String: ReferenceTensor] {
    var result: [String: ReferenceTensor] = [:]
    for (name, _) in configuration.blockParameterShapes(layer) { result[name] = parameters["layers.\(layer).\(name)"] }
    return result
  }
}
