import EngineTestSupport
import Modeling
import Tensors
import Testing
import Training

/// `train_only`: some weights are trained, the others stay what they are.
@Suite struct FrozenWeightsTests {
  private static let choices = [
    ["lm_head.weight"], ["layers.1.ret.q.weight"], ["layers.*.ffn.*", "final_norm.weight"], ["embed.weight"],
    ["layers.0.ret_norm.weight"], ["*.ret.head_norm.weight"],
  ]

  private func run(_ patterns: [String], steps: Int) throws -> TinyRun {
    var run = try TinyRun()
    (run.configuration.steps, run.configuration.trainOnly) = (steps, patterns)
    // Without clipping, the update of a weight depends on nothing but its own gradient.
    (run.configuration.gradientClip, run.configuration.precision) = (0, .float32)
    return run
  }

  private func bits(_ parameters: Parameters, _ description: ParameterDescription) -> [UInt32] {
    parameters.tensor(description).values.map(\.bitPattern)
  }

  @Test(arguments: choices, [1, 2])
  func frozenWeightsKeepTheirBitsAndOthersMoveAsEver(_ patterns: [String], _ threadCount: Int) throws {
    var start = try run([], steps: 1).loop(threadCount: threadCount)
    let before = start.trainer.network.parameters.flat.values.map(\.bitPattern)
    var norm = 0.0
    try start.run { if case .step(let report) = $0 { norm = report.gradientNorm } }
    let whole = start.trainer.network.parameters
    var part = try run(patterns, steps: 1).loop(threadCount: threadCount)
    var partNorm = 0.0
    try part.run { if case .step(let report) = $0 { partNorm = report.gradientNorm } }
    #expect(partNorm > 0 && partNorm < norm)
    let found = part.trainer.network.parameters
    for description in found.descriptions {
      let isTrained = patterns.contains { NamePattern($0).matches(description.name) }
      let range = description.offset..<description.offset + description.shape.count
      #expect(
        bits(found, description) == (isTrained ? bits(whole, description) : Array(before[range])), "\(description.name)"
      )
      if isTrained { #expect(bits(found, description) != Array(before[range])) }
    }
    // No moments and no gradients for what is frozen.
    let trained = found.descriptions.filter { weight in patterns.contains { NamePattern($0).matches(weight.name) } }
    #expect(part.trainer.slots[0].tensors.descriptions.map(\.name) == trained.map(\.name))
    #expect(part.trainer.slots[1].tensors.flat.count == trained.reduce(0) { $0 + $1.shape.count })
  }

  @Test func theNormIsThatOfTheTrainedGradients() throws {
    // The chosen gradients, squared and added, are the whole: three choices that share no weight.
    func norm(_ patterns: [String]) throws -> Double {
      var loop = try run(patterns, steps: 1).loop()
      var found = 0.0
      try loop.run { if case .step(let report) = $0 { found = report.gradientNorm } }
      return found
    }
    let parts = [["layers.0.*"], ["layers.1.*"], ["embed.*", "final_norm.*", "lm_head.*"]]
    let sum = try parts.reduce(0) { try $0 + norm($1) * norm($1) }
    // Sums of squares in Float32 lanes.
    #expect(abs(try sum.squareRoot() / norm([]) - 1) < 1e-6)
  }

  @Test func frozenWeightsStayThroughAWholeRunWithDecay() throws {
    var run = try run(["layers.1.*"], steps: 12)
    (run.configuration.gradientClip, run.configuration.weightDecay) = (1, 0.5)
    var loop = try run.loop()
    let parameters = loop.trainer.network.parameters
    let before = parameters.descriptions.map { bits(parameters, $0) }
    try loop.run { _ in }
    for (description, earlier) in zip(parameters.descriptions, before) {
      #expect((bits(parameters, description) == earlier) != description.name.hasPrefix("layers.1."))
    }
  }

  @Test func aTiedHeadIsTrainedWithTheEmbedding() throws {
    var model = TinyRun.model()
    model.isHeadTied = true
    var configuration = try TinyRun().configuration
    let pool = WorkerPool(threadCount: 1)
    func stepped(_ patterns: [String]) -> Parameters {
      (configuration.trainOnly, configuration.gradientClip) = (patterns, 0)
      let trainer = Trainer(model, configuration, on: pool)
      for index in 0..<80 {
        (trainer.inputs[index], trainer.targets[index]) = (Int32(index * 7 % 11), Int32(index * 3 % 11))
      }
      trainer.makeStep()
      return trainer.network.parameters
    }
    let (whole, part) = (stepped([]), stepped(["embed.weight"]))
    #expect(part.embedding.values == whole.embedding.values)
    #expect(
      RetentionTensors(part.layers[0].mixer).projections.values
        != RetentionTensors(whole.layers[0].mixer).projections.values)
  }

  @Test func theForecastCountsWhatIsTrained() throws {
    for patterns in Self.choices {
      var configuration = try TinyRun().configuration
      configuration.trainOnly = patterns
      let forecast = MemoryForecast(TinyRun.model(), configuration, isEvaluated: false, workers: 1, program: 0)
      var parts = Dictionary(uniqueKeysWithValues: forecast.parts.map { ($0.name, $0.byteCount) })
      let trained = Parameters.descriptions(TinyRun.model()).filter(configuration.trains)
      #expect(parts["optimizer moments"] == Double(8 * trained.reduce(0) { $0 + $1.shape.count }))
      for name in ["packed operands", "program"] { parts[name] = nil }
      let held = storedBytes(of: Trainer(TinyRun.model(), configuration, on: WorkerPool(threadCount: 1)))
      // A block of squares has no name.
      #expect(held >= parts.values.reduce(0, +) && held <= 1.002 * parts.values.reduce(0, +))
    }
  }

  @Test func aStepWithFrozenWeightsAllocatesNothing() throws {
    var configuration = try TinyRun().configuration
    configuration.trainOnly = ["layers.1.ret.q.weight"]
    let pool = WorkerPool(threadCount: 2)
    let trainer = Trainer(TinyRun.model(), configuration, on: pool)
    expectNoAllocation(on: pool) { trainer.makeStep() }
  }

  @Test(arguments: [
    ("layers.*.ffn.*", "layers.10.ffn.up.weight", true), ("*", "", true), ("*.weight", "embed.weight", true),
    ("embed", "embed.weight", false), ("layers.?.ret.*", "layers.10.ret.q.weight", false),
    ("layers.?.ret.?.weight", "layers.1.ret.q.weight", true), ("*a*b*c", "xaxbxbc", true), ("*a*b*c", "xaxcxb", false),
    ("", "", true), ("", "a", false), ("a**", "a", true), ("?", "", false),
  ])
  func patterns(_ pattern: String, _ name: String, _ matches: Bool) {
    #expect(NamePattern(pattern).matches(name) == matches)
  }

  @Test(arguments: [
    ("layers.*.fnn.*", false, "; did you mean 'layers.*.ffn.*'?"),
    ("embed.weigth", false, "; did you mean 'embed.weight'?"),
    ("lm_head.weight", true, "; the head is tied, its weight is 'embed.weight'"),
    ("nothing", false, "which matches none"),
  ])
  func patternsThatNoWeightHasAreRefused(_ pattern: String, _ isTied: Bool, _ end: String) throws {
    var model = TinyRun.model()
    model.isHeadTied = isTied
    var configuration = TrainingConfiguration()
    configuration.trainOnly = ["embed.*", pattern]
    let problems = configuration.patternProblems(for: model)
    #expect(problems.count == 1 && problems[0].hasSuffix(end), "\(problems)")
    #expect(problems[0].hasPrefix("train_only: expected patterns that match weights, found '\(pattern)'"))
  }
}
