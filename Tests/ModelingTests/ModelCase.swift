import EngineTestSupport
import Modeling
import Tensors
import TestSupport

/// A small model with a batch, printed as `B2-T7-N11-D8-L2-H2-K4-V6-F10-C4`.
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

  var description: String {
    "B\(B)-T\(T)-N\(N)-D\(D)-L\(L)-H\(H)-K\(K)-V\(V)-F\(F)-C\(C)\(isTied ? "-tied" : "")"
      + (documents.map { "-documents \($0)" } ?? "")
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
    return configuration.resolved
  }

  /// The same model twice: in the program, and as the reference with the numbers that Float32 holds.
  func models(seed: UInt64 = 31) -> (model: RetNet, reference: ReferenceRetNet) {
    var generator = SeededGenerator(seed: seed)
    let sizes = ReferenceConfiguration(
      vocabularySize: N, width: D, layerCount: L, headCount: H, keyWidth: K, valueWidth: V, feedForwardWidth: F,
      epsilon: Double(Float(configuration.normEpsilon)), logDecay: logDecay, isTied: isTied)
    var reference = ReferenceRetNet(random: sizes, using: &generator)
    reference.parameters = reference.parameters.mapValues(\.rounded)
    let parameters = Parameters(configuration)
    for (name, values) in reference.parameters {
      guard let tensor = parameters.tensor(named: name) else { preconditionFailure("no parameter \(name)") }
      for (index, value) in values.floats.enumerated() { tensor[index] = value }
    }
    return (RetNet(configuration, parameters), reference)
  }

  private var logDecay: [Double] { (0..<H).map { Reference.logDecay(head: $0) } }

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
    TrainingMemory(configuration, batch: B, time: T, form: .chunkwise(chunkLength: C), workers: pool.threadCount)
  }
}

extension Reference {
  /// ln γ of the default rule, γ_h = 1 - 2^(-5-h), for heads where 1 - γ keeps its digits in Float64.
  static func logDecay(head: Int) -> Double { -(1...8).reduce(0) { $0 + power(0.5, (5 + head) * $1) / Double($1) } }

  private static func power(_ base: Double, _ exponent: Int) -> Double {
    (0..<exponent).reduce(1) { product, _ in product * base }
  }
}

/// Ids of all sequences, one after the other.
func indices(_ lists: [[Int]]) -> Indices { Indices(lists.joined().map(Int32.init)) }

func scoredCount(_ targets: [[Int]]) -> Int { targets.joined().count { $0 >= 0 } }
