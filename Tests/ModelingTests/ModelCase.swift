import EngineTestSupport
import Modeling
import Retention
import Tensors
import TestSupport

/// A small model with a batch, printed as `B2-T7-N11-D8-L2-H2-K4-V6-F10-C4`.
///
/// `Variant` lists what else checkpoints differ in.
struct ModelCase: CustomStringConvertible, Sendable {
  var B = 2
  var T = 9
  var N = 11
  var D = 8
  var L = 2
  var H = 2
  var K = 4
  var V = 6
  var F = 10
  var C = 4
  var isTied = false
  /// Large, because a head norm takes the length out of a head's output and with it nearly all of the gradient of q
  /// and k at the first steps, where ε alone leaves digits to compare.
  var epsilon = 1e-2
  /// Documents of each sequence by length, or one document.
  var documents: [[Int]]?
  var variant: Variant?
  /// Whether training uses the parallel form, or the chunkwise one.
  var isParallel = false

  var description: String {
    "B\(B)-T\(T)-N\(N)-D\(D)-L\(L)-H\(H)-K\(K)-V\(V)-F\(F)-C\(C)\(isTied ? "-tied" : "")"
      + (documents.map { "-documents \($0)" } ?? "") + (variant.map { "-\($0)" } ?? "")
      + (isParallel ? "-parallel" : "")
  }

  var configuration: ModelConfiguration {
    var configuration = ModelConfiguration()
    configuration.width = D
    configuration.layers = L
    configuration.heads = H
    configuration.keyWidth = H * K
    configuration.valueWidth = H * V
    configuration.feedForwardWidth = F
    configuration.vocabularySize = N
    configuration.isHeadTied = isTied
    configuration.normEpsilon = epsilon
    variant?.apply(to: &configuration)
    return configuration.resolved
  }

  /// The same model twice: in the program, and as the reference with the numbers that Float32 holds.
  func models(seed: UInt64 = 31) -> (model: LanguageModel, reference: ReferenceRetNet) {
    var generator = SeededGenerator(seed: seed)
    var reference = ReferenceRetNet(random: configuration.reference, using: &generator)
    reference.parameters = reference.parameters.mapValues(\.rounded)
    let parameters = Parameters(configuration)
    for (name, values) in reference.parameters {
      guard let tensor = parameters.tensor(named: name) else { preconditionFailure("no parameter \(name)") }
      for (index, value) in values.floats.enumerated() { tensor[index] = value }
    }
    return (LanguageModel(configuration, parameters), reference)
  }

  func tokens(seed: UInt64 = 32) -> [[Int]] {
    var generator = SeededGenerator(seed: seed)
    return (0..<B).map { _ in (0..<T).map { _ in Int(generator.next() % UInt64(N)) } }
  }

  /// Random targets, about one in five not scored.
  func targets(seed: UInt64 = 33) -> [[Int]] {
    var generator = SeededGenerator(seed: seed)
    return (0..<B).map { _ in
      (0..<T).map { _ in generator.next() % 5 == 0 ? -1 : Int(generator.next() % UInt64(N)) }
    }
  }

  /// The first sequence goes on with a document of before, the others begin with one.
  var documentStarts: [[Int]]? {
    documents?.enumerated().map { Reference.documentStarts($0.element, isContinued: $0.offset == 0) }
  }

  func memory(_ pool: WorkerPool) -> TrainingMemory {
    TrainingMemory(
      configuration, batch: B, time: T, form: isParallel ? .parallel : .chunkwise(chunkLength: C),
      workers: pool.threadCount)
  }
}

/// Ids of all sequences, one after the other.
func indices(_ lists: [[Int]]) -> Indices { Indices(lists.joined().map(Int32.init)) }

func scoredCount(_ targets: [[Int]]) -> Int { targets.joined().count { $0 >= 0 } }
