import EngineTestSupport
import Modeling
import Tensors
import TestSupport
import Testing

@Suite struct ParametersTests {
  /// 2 N D + D + L (2 D² + 3 D·HV + 3 D F + 2 D + V): the sizes that flash-linear-attention publishes.
  @Test(arguments: [(2048, 24, 8, 1_351_727_104), (2560, 32, 10, 2_722_548_224)])
  func countsAreThoseOfThePublishedModels(width: Int, layers: Int, heads: Int, count: Int) {
    var configuration = ModelConfiguration()
    configuration.width = width
    configuration.layers = layers
    configuration.heads = heads
    configuration.vocabularySize = 32_000
    let descriptions = Parameters.descriptions(configuration.resolved)
    #expect(descriptions.reduce(0) { $0 + $1.shape.count } == count)
  }

  @Test(arguments: [
    ModelCase(), ModelCase(isTied: true), ModelCase(H: 4, variant: .layerNormAndBiases),
    ModelCase(H: 4, variant: .scaledEmbedding), ModelCase(H: 4, variant: .ablated),
    ModelCase(H: 4, variant: .groupedHeads), ModelCase(H: 4, variant: .absOfSumOfGroups),
    ModelCase(variant: .embeddingResidual), ModelCase(variant: .embeddingResidualAndBiases),
  ]) func namesAndShapesAreThoseOfTheReference(size: ModelCase) {
    let (model, reference) = size.models()
    let expected = ReferenceRetNet.parameterShapes(of: reference.configuration)
    let found = model.parameters.descriptions
    #expect(found.map(\.name) == expected.map(\.name))
    #expect(found.map(\.shape.extents) == expected.map(\.shape))
    #expect(found == Parameters.descriptions(size.configuration))
    #expect(found.filter(\.isMatrix).map(\.name) == expected.filter { $0.shape.count == 2 }.map(\.name))
  }

  @Test(arguments: [nil, Variant.scaledEmbedding, .layerNormAndBiases, .groupedHeads, .embeddingResidual])
  func partsAreToldByName(_ variant: Variant?) {
    for weight in Parameters.descriptions(ModelCase(H: 4, variant: variant).configuration) {
      let words = weight.name.split(separator: ".")
      let expected: ParameterPart =
        switch (words[0], words.count > 2 ? words[2] : "") {
        case (_, "ret") where words[3] == "head_norm": .norms
        case (_, "ret"): .mixers(.retention)
        case (_, "ffn"): .feedForward
        case ("layers", _), ("embed_norm", _), ("final_norm", _): .norms
        case ("embed", _): .embedding
        default: .head
        }
      #expect(weight.part == expected, "\(weight.name)")
    }
  }

  @Test func weightsFillTheFlatBufferWithoutOverlap() {
    let parameters = Parameters(ModelCase().configuration)
    var end = 0
    for description in parameters.descriptions {
      #expect(description.offset == end, "\(description.name)")
      end += description.shape.count
    }
    #expect(end == parameters.count)
    for (index, description) in parameters.descriptions.enumerated() {
      parameters.tensor(description).fill(Float(index))
    }
    #expect(parameters.tensor(named: "layers.1.ffn.up.weight")?[0] == 21)
    #expect(parameters.tensor(named: "layers.2.ffn.up.weight") == nil)
  }

  @Test func aTiedHeadIsTheEmbedding() {
    let (tied, untied) = (
      Parameters(ModelCase(isTied: true).configuration), Parameters(ModelCase().configuration)
    )
    #expect(tied.head.offset == tied.embedding.offset)
    #expect(untied.head.offset != untied.embedding.offset)
    #expect(untied.count == tied.count + 11 * 8)
  }

  @Test(arguments: [FeedForwardKind.glu, .mlp]) func zeroOutputsLeaveTheOtherWeights(kind: FeedForwardKind) throws {
    var configuration = ModelCase(L: 2).configuration
    configuration.feedForward = kind
    func initial() -> Parameters {
      let parameters = Parameters(configuration)
      parameters.flat.fill(7)
      var source = RandomSource(seed: 7)
      parameters.initialize(from: &source)
      return parameters
    }
    let usual = initial()
    configuration.hasZeroInitialOutputs = true
    let found = initial()
    for weight in found.descriptions {
      let isOutput = ["ret.o.weight", "ffn.down.weight", "ffn.fc2.weight"].contains { weight.name.hasSuffix($0) }
      let values = found.tensor(weight).values
      #expect(isOutput ? values.allSatisfy { $0 == 0 } : values == usual.tensor(weight).values, "\(weight.name)")
    }
  }

  @Test func scalarsOfTheResidualStreamGoFromTheFirstBlockToTheLast() throws {
    for (layers, expected) in [(1, [1.15, 0.2]), (3, [1.15, 0.2, 1.1, 0.125, 1.05, 0.05])] {
      let parameters = Parameters(ModelCase(L: layers, variant: .embeddingResidual).configuration)
      var source = RandomSource(seed: 7)
      parameters.initialize(from: &source)
      let found = parameters.descriptions.filter { $0.role == .residualScale }.map { parameters.tensor($0)[0] }
      expectClose(found, expected, ratio: 1e-7)
    }
  }

  @Test func initialWeightsHaveTheirDeviations() throws {
    let size = ModelCase(N: 500, D: 64, L: 1, H: 2, K: 32, V: 64, F: 200)
    let parameters = Parameters(size.configuration)
    var source = RandomSource(seed: 7)
    parameters.initialize(from: &source)
    func deviation(_ name: String) throws -> Double {
      let values = try #require(parameters.tensor(named: name)).values
      return (values.reduce(0) { $0 + Double($1) * Double($1) } / Double(values.count)).squareRoot()
    }
    // A uniform number within b has deviation b/√3; 4,096 draws and more show it to 2 %.
    let ratio = 0.03
    expectClose([try deviation("embed.weight")], [1.0 / 8], ratio: ratio)
    expectClose([try deviation("lm_head.weight")], [1.0 / 8], ratio: ratio)
    expectClose([try deviation("layers.0.ret.q.weight")], [(2.0 / 128 / 32).squareRoot()], ratio: ratio)
    expectClose([try deviation("layers.0.ret.g.weight")], [(2.0 / 192 / 32).squareRoot()], ratio: ratio)
    expectClose([try deviation("layers.0.ret.o.weight")], [(2.0 / 192 / 4).squareRoot()], ratio: ratio)
    expectClose([try deviation("layers.0.ffn.gate.weight")], [(1.0 / 64 / 3).squareRoot()], ratio: ratio)
    expectClose([try deviation("layers.0.ffn.down.weight")], [(1.0 / 200 / 3).squareRoot()], ratio: ratio)
    for description in parameters.descriptions where !description.isMatrix {
      #expect(parameters.tensor(description).values.allSatisfy { $0 == 1 }, "\(description.name)")
    }
    var again = RandomSource(seed: 7)
    let same = Parameters(size.configuration)
    same.initialize(from: &again)
    #expect(same.flat.bits == parameters.flat.bits)
  }
}
