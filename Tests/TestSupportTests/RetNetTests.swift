import Glibc
import TestSupport
import Testing

@Suite struct RetNetTests {
  // Float64 rounding through two blocks; the worst ratio seen is 4e-15, between positions 1,000 apart.
  private let rounding = 1e-12
  // The differences' own error, large where a head norm sees a short row; the worst ratio seen is 5e-10.
  private let differencing = 1e-8
  private let tokens = [[1, 4, 2, 2, 0, 6], [5, 0, 3, 6, 1, 1]]

  @Test(arguments: [false, true]) func backwardIsTheGradientOfEveryParameter(isTied: Bool) {
    let model = model(isTied: isTied)
    #expect((model.parameters["lm_head.weight"] == nil) == isTied)
    expectGradients(of: model)
  }

  /// All but a score norm that depends on the weights, which counts as a constant.
  @Test func backwardIsTheGradientInEveryVariant() {
    expectGradients(
      of: model(isTied: true) {
        ($0.norm, $0.headNorm, $0.headNormWeight, $0.hasEmbeddingNorm) = (.layer, .layer, .full, true)
        ($0.hasRetentionBiases, $0.hasFeedForwardBiases, $0.hasHeadBias) = (true, true, true)
        ($0.isFeedForwardGated, $0.activation, $0.embeddingScale, $0.keyHeadCount) = (false, .gelu, 1.7, 1)
        ($0.rotationLayout, $0.angles, $0.scoreNorm) = (.interleaved, .linspace, .rowDecay)
      })
    expectGradients(
      of: model(isTied: false) {
        ($0.norm, $0.headNorm, $0.headNormWeight, $0.hasFinalNorm) = (.layer, .none, .none, false)
        ($0.hasGate, $0.activation, $0.hasRetentionBiases, $0.hasEmbeddingNorm) = (false, .gelu, true, true)
      })
    expectGradients(
      of: model(isTied: false) {
        ($0.headNorm, $0.headNormWeight, $0.hasEmbeddingNorm) = (.none, .shared, true)
        ($0.isFeedForwardGated, $0.rotationBase, $0.embeddingScale) = (false, 100, 0.5)
      })
    expectGradients(
      of: model(isTied: false) {
        ($0.headNorm, $0.headNormWeight, $0.hasHeadNormBias, $0.xposScaleBase) = (.layer, .full, true, 9)
        ($0.rotationLayout, $0.isAngleTableOfAllHeads) = (.interleaved, true)
      })
    for types in [[.attention], [.linearAttention], [.linearAttention, .attention]] as [[ReferenceLayerType]] {
      expectGradients(
        of: model(isTied: true) {
          ($0.layerTypes, $0.attention.headCount, $0.attention.keyHeadCount) = (types, 4, 2)
          ($0.attention.hasInputBiases, $0.attention.hasOutputBias, $0.attention.window) = (true, true, 3)
          ($0.attention.rotationBase, $0.hasEmbeddingResidual) = (50, types.count == 2)
        })
    }
    for isTied in [false, true] {
      // A seed with which no number lies within the step of the differences of the kink of relu2.
      expectGradients(
        of: model(isTied: isTied, seed: 13) {
          ($0.hasEmbeddingResidual, $0.logitSoftcap, $0.activation) = (true, 2, .reluSquared)
          ($0.hasEmbeddingNorm, $0.isFeedForwardGated) = (isTied, !isTied)
        })
    }
  }

  @Test func backwardIsTheGradientUnderDropout() {
    for hasResidual in [false, true] {
      expectGradients(
        of: model(isTied: hasResidual) { ($0.hasEmbeddingResidual, $0.hasEmbeddingNorm) = (hasResidual, true) },
        ReferenceDropout(rate: 0.25, seed: 5, step: 3, shape: [2, 6, 6]))
    }
  }

  @Test func blockBackwardIsTheGradientOfInputAndState() {
    let model = model(isTied: true)
    var generator = SeededGenerator(seed: 11)
    let x = ReferenceTensor.normal([1, 4, 6], using: &generator)
    let dx2 = ReferenceTensor.normal([1, 4, 6], using: &generator)
    let state = ReferenceTensor.normal([1, 2, 4, 3], using: &generator)
    let dFinalState = ReferenceTensor.normal([1, 2, 4, 3], using: &generator)
    func block(_ x: ReferenceTensor, _ state: ReferenceTensor) -> ReferenceBlock {
      ReferenceBlock(
        x, parameters: model.forward([[0]]).blocks[0].parameters, configuration: model.configuration,
        positions: [[3, 4, 5, 6]], initialState: state)
    }
    func value(_ block: ReferenceBlock) -> Double { block.x2.dot(dx2) + block.finalState.dot(dFinalState) }
    let found = block(x, state).backward(dx2, dFinalState: dFinalState)
    expectGradient(found.dx, "dx", at: x, ratio: differencing) { value(block($0, state)) }
    expectGradient(found.dInitialState, "dInitialState", at: state, ratio: differencing) { value(block(x, $0)) }
  }

  @Test func aRunSplitAnywhereContinuesFromItsStates() {
    let model = model(isTied: false)
    let whole = model.forward(tokens)
    for split in 1..<6 {
      let first = model.forward(tokens.map { Array($0[..<split]) })
      let second = model.forward(
        tokens.map { Array($0[split...]) }, firstPosition: split, initialStates: first.blocks.map(\.finalState))
      expectClose(first.logits.joined(second.logits, axis: 1), whole.logits, ratio: rounding, "split at \(split)")
      for (found, expected) in zip(second.blocks, whole.blocks) {
        expectClose(found.finalState, expected.finalState, ratio: rounding, "state, split at \(split)")
      }
    }
  }

  @Test func aShiftOfAllPositionsChangesNoLogit() {
    let model = model(isTied: true)
    let shifted = model.forward(tokens, firstPosition: 1000).logits
    expectClose(shifted, model.forward(tokens).logits, ratio: rounding, "logits")
  }

  @Test func aTokenChangesNoLogitBeforeItAndNoOtherDocument() {
    let model = model(isTied: true)
    let starts = Reference.documentStarts([2, 4])
    let before = model.forward([tokens[0]], documentStarts: [starts]).logits
    for changed in 0..<6 {
      var other = tokens[0]
      other[changed] = 5
      let after = model.forward([other], documentStarts: [starts]).logits
      for t in 0..<6 {
        let isSame = before.slice(axis: 1, t..<t + 1) == after.slice(axis: 1, t..<t + 1)
        #expect(isSame == (t < changed || starts[t] != starts[changed]), "step \(t), changed \(changed)")
      }
    }
  }

  @Test func someStepsOfAdamWLowerTheLoss() {
    var model = model(isTied: false)
    let constants = Reference.AdamWConstants(
      learningRate: 0.02, beta1: 0.9, beta2: 0.98, epsilon: 1e-8, weightDecay: 0)
    let (inputs, targets) = (tokens.map { Array($0.dropLast()) }, tokens.map { Array($0.dropFirst()) })
    let zeros = model.parameters.mapValues { ReferenceTensor($0.shape) }
    var (firstMoments, secondMoments) = (zeros, zeros)
    var losses: [Double] = []
    for step in 1...30 {
      let (loss, gradients) = model.lossAndGradients(inputs, targets: targets)
      losses.append(loss)
      let factor = Reference.clippingFactor(norm: Reference.globalNorm(gradients.values), maximumNorm: 1)
      for (name, gradient) in gradients {
        Reference.adamWStep(
          &model.parameters[name, default: ReferenceTensor([0])],
          firstMoment: &firstMoments[name, default: ReferenceTensor([0])],
          secondMoment: &secondMoments[name, default: ReferenceTensor([0])],
          gradient: factor * gradient, step: step, constants: constants)
      }
    }
    #expect(losses[29] < 0.1 * losses[0])
  }

  private func expectGradients(of model: ReferenceRetNet, _ dropout: ReferenceDropout? = nil) {
    let targets = [[4, -1, 2, 0, 6, 3], [0, 3, 6, -1, -1, 5]]
    let starts = [Reference.documentStarts([4, 2]), Reference.documentStarts([1, 5], isContinued: true)]
    let (_, gradients) = model.lossAndGradients(
      tokens, targets: targets, documentStarts: starts, dropout: dropout)
    #expect(gradients.keys.sorted() == model.parameters.keys.sorted())
    for (name, parameter) in model.parameters {
      expectGradient(gradients[name] ?? ReferenceTensor([0]), name, at: parameter, ratio: differencing) { point in
        var moved = model
        moved.parameters[name] = point
        return moved.lossAndGradients(tokens, targets: targets, documentStarts: starts, dropout: dropout).loss
      }
    }
  }

  private func model(
    isTied: Bool, seed: UInt64 = 12, _ change: (inout ReferenceConfiguration) -> Void = { _ in }
  ) -> ReferenceRetNet {
    var generator = SeededGenerator(seed: seed)
    var configuration = ReferenceConfiguration(
      vocabularySize: 7, width: 6, layerCount: 2, headCount: 2, keyWidth: 4, valueWidth: 3, feedForwardWidth: 5,
      epsilon: 1e-2, logDecay: [log(0.8), log(31.0 / 32)], isTied: isTied)
    change(&configuration)
    return ReferenceRetNet(random: configuration, using: &generator)
  }
}
