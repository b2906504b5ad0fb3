/// Random inputs of retention with their sizes, printed as `B2-T7-H4-G2-K3-V5`.
package struct RetentionCase: CustomStringConvertible, Sendable {
  package var B: Int
  package var T: Int
  package var H: Int
  package var G: Int
  package var K: Int
  package var V: Int
  /// ln γ of each head, or a spread from fast to slow.
  package var logDecay: [Double]?

  /// One sequence of two small heads that share keys and values, unless told otherwise.
  package init(
    B: Int = 1, T: Int, H: Int = 2, G: Int = 1, K: Int = 2, V: Int = 3, logDecay: [Double]? = nil
  ) {
    (self.B, self.T, self.H, self.G, self.K, self.V, self.logDecay) = (B, T, H, G, K, V, logDecay)
  }

  package var description: String { "B\(B)-T\(T)-H\(H)-G\(G)-K\(K)-V\(V)" }

  /// Inputs that Float32 holds exactly, with a random initial state.
  package func inputs(seed: UInt64 = 1, documentStarts: [[Int]]? = nil) -> RetentionInputs {
    var generator = SeededGenerator(seed: seed)
    return RetentionInputs(
      q: .roundedNormal([B, T, H, K], using: &generator), k: .roundedNormal([B, T, G, K], using: &generator),
      v: .roundedNormal([B, T, G, V], using: &generator),
      logDecay: logDecay ?? (0..<H).map { -0.5 / Double($0 * $0 * $0 + 1) },
      initialState: .roundedNormal([B, H, K, V], using: &generator), documentStarts: documentStarts)
  }

  /// Random gradients of the outputs and the final state.
  package func outputGradients(seed: UInt64 = 2) -> (dOutput: ReferenceTensor, dFinalState: ReferenceTensor) {
    var generator = SeededGenerator(seed: seed)
    return (.roundedNormal([B, T, H, V], using: &generator), .roundedNormal([B, H, K, V], using: &generator))
  }
}

/// Every way to cut T steps into documents: bit n of the number says that a document starts at step n.
package func allDocumentStarts(_ T: Int) -> [[Int]] {
  (0..<1 << T).map { bits in
    var start = -1
    return (0..<T).map { n in
      if bits >> n & 1 == 1 { start = n }
      return start
    }
  }
}

extension RetentionInputs {
  /// The steps of a range alone, continuing from a state; nil: from the same initial state.
  package func part(_ range: Range<Int>, from state: ReferenceTensor? = nil) -> RetentionInputs {
    RetentionInputs(
      q: q.slice(axis: 1, range), k: k.slice(axis: 1, range), v: v.slice(axis: 1, range), logDecay: logDecay,
      initialState: state ?? initialState,
      documentStarts: documentStarts?.map { $0[range].map { $0 - range.lowerBound } })
  }
}
