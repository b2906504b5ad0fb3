import EngineTestSupport
import Retention
import Tensors
import TestSupport

/// The three forms under test, the chunkwise one with its chunk length.
enum Form: CustomStringConvertible, Sendable {
  case recurrent
  case parallel
  case chunkwise(Int)

  var description: String {
    switch self {
    case .recurrent: "recurrent"
    case .parallel: "parallel"
    case .chunkwise(let length): "C\(length)"
    }
  }

  static func all(_ T: Int) -> [Form] { [.recurrent, .parallel] + (1...T + 2).map(Form.chunkwise) }
}

/// Random inputs of retention with their sizes, printed as `B2-T7-H4-G2-K3-V5`.
struct RetentionCase: CustomStringConvertible, Sendable {
  var B = 1
  var T: Int
  var H = 2
  var G = 1
  var K = 2
  var V = 3
  /// ln γ of each head, or a spread from fast to slow.
  var logDecay: [Double]?

  var description: String { "B\(B)-T\(T)-H\(H)-G\(G)-K\(K)-V\(V)" }

  /// Inputs that Float32 holds exactly, with a random initial state.
  func inputs(seed: UInt64 = 1, documentStarts: [[Int]]? = nil) -> RetentionInputs {
    var generator = SeededGenerator(seed: seed)
    return RetentionInputs(
      q: .roundedNormal([B, T, H, K], using: &generator), k: .roundedNormal([B, T, G, K], using: &generator),
      v: .roundedNormal([B, T, G, V], using: &generator),
      logDecay: logDecay ?? (0..<H).map { -0.5 / Double($0 * $0 * $0 + 1) },
      initialState: .roundedNormal([B, H, K, V], using: &generator), documentStarts: documentStarts)
  }

  /// Random gradients of the outputs and the final state.
  func outputGradients(seed: UInt64 = 2) -> (dOutput: ReferenceTensor, dFinalState: ReferenceTensor) {
    var generator = SeededGenerator(seed: seed)
    return (.roundedNormal([B, T, H, V], using: &generator), .roundedNormal([B, H, K, V], using: &generator))
  }
}

/// Every way to cut T steps into documents: bit n of the number says that a document starts at step n.
func allDocumentStarts(_ T: Int) -> [[Int]] {
  (0..<1 << T).map { bits in
    var start = -1
    return (0..<T).map { n in
      if bits >> n & 1 == 1 { start = n }
      return start
    }
  }
}

extension RetentionInputs {
  var shape: RetentionShape {
    let (B, T, H, K) = q.shape4
    return RetentionShape(batch: B, time: T, heads: H, keyHeads: k.shape[2], keyWidth: K, valueWidth: v.shape[3])
  }

  /// The steps of a range alone, continuing from the same initial state.
  func part(_ range: Range<Int>) -> RetentionInputs {
    RetentionInputs(
      q: q.slice(axis: 1, range), k: k.slice(axis: 1, range), v: v.slice(axis: 1, range), logDecay: logDecay,
      initialState: initialState, documentStarts: documentStarts?.map { $0[range].map { $0 - range.lowerBound } })
  }

  /// The document starts as the program takes them; every negative one is -1 there.
  var documents: Indices? { documentStarts.map { Indices($0.joined().map { Int32(max($0, -1)) }) } }
}
