import TestSupport

/// Random inputs of retention with their sizes, printed as `B2-T7-H4-G2-K3-V5`.
struct RetentionCase: CustomStringConvertible, Sendable {
  var B = 1
  var T: Int
  var H = 2
  var G = 1
  var K = 2
  var V = 3

  var description: String { "B\(B)-T\(T)-H\(H)-G\(G)-K\(K)-V\(V)" }

  /// Inputs with a random initial state and decays from fast to slow.
  func inputs(seed: UInt64 = 1, documentStarts: [[Int]]? = nil) -> RetentionInputs {
    var generator = SeededGenerator(seed: seed)
    return RetentionInputs(
      q: .normal([B, T, H, K], using: &generator), k: .normal([B, T, G, K], using: &generator),
      v: .normal([B, T, G, V], using: &generator),
      logDecay: (0..<H).map { -0.5 / Double($0 * $0 * $0 + 1) },
      initialState: .normal([B, H, K, V], using: &generator), documentStarts: documentStarts)
  }

  /// Random gradients of the outputs and the final state.
  func outputGradients(seed: UInt64 = 2) -> (dOutput: ReferenceTensor, dFinalState: ReferenceTensor) {
    var generator = SeededGenerator(seed: seed)
    return (.normal([B, T, H, V], using: &generator), .normal([B, H, K, V], using: &generator))
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
  /// The steps of a range alone, continuing from a state.
  func part(_ range: Range<Int>, from state: ReferenceTensor) -> RetentionInputs {
    RetentionInputs(
      q: q.slice(axis: 1, range), k: k.slice(axis: 1, range), v: v.slice(axis: 1, range), logDecay: logDecay,
      initialState: state, documentStarts: documentStarts?.map { $0[range].map { $0 - range.lowerBound } })
  }
}
