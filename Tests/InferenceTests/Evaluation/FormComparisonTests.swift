import EngineTestSupport
import Foundation
import Inference
import Modeling
import Retention
import Tensors
import TestSupport
import Testing

/// That the forms agree, and that small faults of a form are found where they are.
@Suite struct FormComparisonTests {
  private static let length = 150
  private let folder: TemporaryFolder
  private let pool = WorkerPool(threadCount: 2)

  init() throws { folder = try TemporaryFolder() }

  private func model(_ change: (inout ModelConfiguration) -> Void = { _ in }, seed: UInt64 = 5) -> LanguageModel {
    var configuration = ModelConfiguration()
    configuration.width = 32
    configuration.layers = 3
    configuration.heads = 2
    configuration.feedForwardWidth = 48
    configuration.vocabularySize = 40
    change(&configuration)
    configuration = configuration.resolved
    let parameters = Parameters(configuration)
    var source = RandomSource(seed: seed)
    parameters.flat.fillNormal(deviation: 0.15, from: &source)
    for weight in parameters.descriptions where weight.name.hasSuffix("norm.weight") {
      parameters.tensor(weight).fill(1)
    }
    return LanguageModel(configuration, parameters)
  }

  private func runner(_ network: LanguageModel, decay: Decay? = nil) -> FormRunner {
    var source = RandomSource(seed: 9)
    let ids = (0..<Self.length).map { _ in
      Int32.random(in: 0..<Int32(network.configuration.vocabularySize), using: &source)
    }
    return FormRunner(network, decay: decay, ids: ids, temporaryFolder: folder.path, on: pool)
  }

  private func pairs(_ norm: ScoreNorm = .none, length: Int = FormComparisonTests.length) -> [FormPair] {
    formPairs(scoreNorm: norm, length: length, chunkLengths: [1, 7, 64, 100, length], seed: 0)
  }

  /// Compares the forms, of which those that `isFaulty` picks are made by another runner.
  private func failures(
    _ sound: FormRunner, faulty: FormRunner, where isFaulty: (FormRun) -> Bool
  ) throws -> [FormFailure] {
    let comparisons = try compareForms(pairs()) { try (isFaulty($0) ? faulty : sound).record($0) }
    return comparisons.compactMap { $0.failure(.float32) }
  }

  @Test(arguments: ScoreNorm.allCases)
  func allPairsOfASoundModelAgree(_ norm: ScoreNorm) throws {
    let network = model { $0.scoreNorm = norm }
    let comparisons = try compareForms(pairs(norm), record: runner(network).record)
    for comparison in comparisons {
      #expect(comparison.failure(.float32) == nil, "\(comparison.pair.name)")
      #expect(comparison.layers.count == 3)
      // Runs that must differ in rounding do: the comparison does not compare a run with itself.
      if comparison.pair.name == "recurrent" { #expect(comparison.logits.rms > 0) }
    }
    let left = comparisons.filter { $0.pair.demand == .nothing }
    #expect(left.map(\.pair.name) == (norm == .sumOfAbs ? ["recurrent"] : []))
    for comparison in left { #expect(comparison.layers[0].beforeHeadNorm.rms > 1e-3) }
    let bits = comparisons.filter { $0.pair.demand == .sameBits }
    #expect(bits.count == 4)
    #expect(bits.allSatisfy { $0.agreement == 1 && $0.logits.largest == 0 })
  }

  @Test func variantsOfTheModelAgree() throws {
    let network = model {
      $0.heads = 4
      $0.keyHeads = 2
      $0.hasGate = false
      $0.headNorm = .layer
      $0.headNormWeight = .full
      $0.norm = .layer
      $0.rotationLayout = .interleaved
      $0.decay = .linspace
      $0.hasRetentionBiases = true
    }
    for comparison in try compareForms(pairs(), record: runner(network).record) {
      #expect(comparison.failure(.float32) == nil, "\(comparison.pair.name)")
    }
  }

  @Test func shortSequencesAreCutWhereTheyCanBe() throws {
    #expect(pairs(length: 2).map(\.run.cuts).allSatisfy { $0.allSatisfy { $0 == 1 } })
    for length in 2...9 {
      let pairs = pairs(length: length)
      #expect(pairs.contains { $0.name == "chunkwise \(length)" })
      #expect(!pairs.contains { $0.name == "chunkwise \(length + 1)" })
      for pair in pairs {
        #expect(pair.run.cuts == pair.run.cuts.sorted() && pair.run.cuts.allSatisfy { (1..<length).contains($0) })
      }
    }
  }

  @Test(arguments: [RetentionForm.recurrent, .chunkwise(chunkLength: 64)])
  func aThousandthMoreDecayInOneHeadIsFound(_ form: RetentionForm) throws {
    let network = model()
    var logarithms = Decay(network.configuration.decay, heads: 2).logarithms
    logarithms[0] += log(1 + 1e-3)
    let found = try failures(
      runner(network), faulty: runner(network, decay: Decay(logarithms: logarithms))
    ) { $0.forms == [form] && $0.cuts.isEmpty && $0.documents.isEmpty && $0.threadCount == nil }
    #expect(found.map(\.pair.name) == [form == .recurrent ? "recurrent" : "chunkwise 64"])
    #expect(found.first?.layer == 0)
    #expect(found.first.map { $0.found > 10 * $0.tolerated } == true)
  }

  @Test func aSwappedRotationPairIsFoundInItsLayer() throws {
    let network = model()
    let swapped = model()
    // Rows i and i + K/2 of a head are a pair; exchanged in q and k, it turns the other way.
    for part in ["q", "k"] {
      let weights = try #require(swapped.parameters.tensor(named: "layers.1.ret.\(part).weight"))
      for column in 0..<32 {
        let (first, second) = (3 * 32 + column, 11 * 32 + column)
        (weights[first], weights[second]) = (weights[second], weights[first])
      }
    }
    let found = try failures(runner(network), faulty: runner(swapped)) { $0.forms == [.recurrent] && $0.cuts.isEmpty }
    #expect(Set(found.map(\.pair.name)) == ["recurrent", "4 documents, recurrent"])
    #expect(found.allSatisfy { $0.layer == 1 })
  }

  /// What is one off where a chunk ends and the next begins.
  enum BorderFault: CaseIterable {
    case position
    case decay
  }

  @Test(arguments: BorderFault.allCases)
  func aChunkBorderOffByOneIsFound(_ fault: BorderFault) throws {
    let network = model()
    let decay = Decay(network.configuration.decay, heads: 2)
    let runner = runner(network)
    let comparisons = try compareForms(pairs()) { run in
      guard run.forms == [.chunkwise(chunkLength: 100)] else { return try runner.record(run) }
      var chunks = run
      chunks.cuts = [100]
      return runner.record(chunks) { state, _ in
        switch fault {
        case .position: state.position += 1
        case .decay:
          for layer in state.layers {
            for head in 0..<2 { layer.retention.scales[head] *= decay.power(head: head, 1) }
          }
        }
      }
    }
    let found = comparisons.compactMap { $0.failure(.float32) }
    #expect(found.map(\.pair.name) == ["chunkwise 100"])
    #expect(found.first?.layer == 0)
  }

  @Test func aBitLostWithASavedStateIsFound() throws {
    let runner = runner(model())
    let comparisons = try compareForms(pairs()) { run in
      guard run.atCuts == .saved else { return try runner.record(run) }
      return runner.record(run) { state, _ in state.layers[0].retention.stored[5] *= 1 + 0x1p-20 }
    }
    #expect(comparisons.compactMap { $0.failure(.float32) }.map(\.pair.name) == ["the same, state saved"])
  }

  @Test func savedStatesLeaveNothingBehind() throws {
    var run = FormRun(forms: [.recurrent])
    run.cuts = [20, 90]
    run.atCuts = .saved
    _ = try runner(model()).record(run)
    #expect(try folder.names.isEmpty)
    let lost = FormRunner(model(), ids: [1, 2, 3], temporaryFolder: folder.path + "/none", on: pool)
    run.cuts = [1]
    #expect(throws: (any Error).self) { try lost.record(run) }
  }

  @Test func numbersThatAreNoneFail() throws {
    let network = model()
    let broken = model()
    try #require(broken.parameters.tensor(named: "layers.2.ret.v.weight"))[0] = .nan
    let found = try failures(runner(network), faulty: runner(broken)) { $0.forms == [.recurrent] && $0.cuts.isEmpty }
    #expect(found.map(\.pair.name) == ["recurrent", "recurrent, 2 threads", "4 documents, recurrent"])
    #expect(found.allSatisfy { $0.layer == 2 })
    #expect(found.allSatisfy { $0.found.isNaN })
  }
}
