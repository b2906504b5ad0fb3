internal import Glibc

/// The three ways to compute retention.
package enum ReferenceForm: Hashable, Sendable, CustomStringConvertible {
  case parallel
  case recurrent
  /// Chunks of this many steps, the last one as long as what is left.
  case chunkwise(Int)

  package var description: String {
    switch self {
    case .parallel: "parallel"
    case .recurrent: "recurrent"
    case .chunkwise(let length): "chunkwise-\(length)"
    }
  }
}

/// Everything that retention takes, for all heads of a batch.
///
/// The output of step n is oₙ = Σ γ^(n−m) (qₙ · kₘ) vₘ over the steps m ≤ n of its document, plus γ^(n+1) qₙ S₀
/// where the document began before this sequence. The final state is what the next step would see.
package struct RetentionInputs: Sendable {
  /// Queries [B, T, H, K], rotated.
  package var q: ReferenceTensor
  /// Keys [B, T, G, K], rotated and scaled; query head h reads key/value head h / (H/G).
  package var k: ReferenceTensor
  /// Values [B, T, G, V].
  package var v: ReferenceTensor
  /// ln γ of each query head [H], per step, ≤ 0; −∞ keeps nothing.
  package var logDecay: [Double]
  /// The state that the first step continues from [B, H, K, V].
  package var initialState: ReferenceTensor
  /// The step at which the document of each step starts [B][T]; negative: before this sequence.
  ///
  /// None means that every sequence is the continuation of one document (all −1).
  package var documentStarts: [[Int]]?

  /// Takes the inputs; without an initial state it is zero.
  ///
  /// - Precondition: Shapes as in the properties, G divides H, each step belongs to the document of the step before
  ///   or starts one.
  package init(
    q: ReferenceTensor, k: ReferenceTensor, v: ReferenceTensor, logDecay: [Double],
    initialState: ReferenceTensor? = nil, documentStarts: [[Int]]? = nil
  ) {
    let (B, T, H, K) = q.shape4
    let (_, _, G, V) = v.shape4
    precondition(k.shape == [B, T, G, K], "retention: q \(q.shape), k \(k.shape), v \(v.shape)")
    precondition(v.shape == [B, T, G, V] && H % G == 0, "retention: q \(q.shape), v \(v.shape)")
    precondition(logDecay.count == H && logDecay.allSatisfy { $0 <= 0 }, "retention: \(H) heads, ln γ \(logDecay)")
    let state = initialState ?? ReferenceTensor([B, H, K, V])
    precondition(state.shape == [B, H, K, V], "retention: state \(state.shape), expected \([B, H, K, V])")
    if let documentStarts {
      precondition(documentStarts.count == B, "retention: \(documentStarts.count) lists of document starts for \(B)")
      for starts in documentStarts {
        precondition(starts.count == T, "retention: \(starts.count) document starts, \(T) steps")
        for n in 0..<T {
          precondition(
            starts[n] == n || (n == 0 ? starts[n] < 0 : starts[n] == starts[n - 1]),
            "retention: step \(n) says that its document starts at \(starts[n])")
        }
      }
    }
    (self.q, self.k, self.v, self.logDecay) = (q, k, v, logDecay)
    (self.initialState, self.documentStarts) = (state, documentStarts)
  }
}

/// The outputs [B, T, H, V], not normalised, and the state after the last step [B, H, K, V].
package struct RetentionResult: Sendable {
  package var output: ReferenceTensor
  package var finalState: ReferenceTensor
}

/// The gradients of `RetentionInputs`, each in the shape of its input.
package struct RetentionGradients: Sendable {
  package var dq: ReferenceTensor
  package var dk: ReferenceTensor
  package var dv: ReferenceTensor
  package var dInitialState: ReferenceTensor

  /// Takes the four gradients.
  package init(dq: ReferenceTensor, dk: ReferenceTensor, dv: ReferenceTensor, dInitialState: ReferenceTensor) {
    (self.dq, self.dk, self.dv, self.dInitialState) = (dq, dk, dv, dInitialState)
  }
}

extension Reference {
  /// Retention in one of its three forms, which agree up to rounding.
  package static func retention(_ inputs: RetentionInputs, _ form: ReferenceForm) -> RetentionResult {
    let (B, T, H, _) = inputs.q.shape4
    var output = ReferenceTensor([B, T, H, inputs.v.width])
    var finalState = inputs.initialState
    for b in 0..<B {
      for h in 0..<H {
        let head = RetentionHead(inputs, b, h)
        let (o, state) =
          switch form {
          case .parallel: head.parallel()
          case .recurrent: head.recurrent()
          case .chunkwise(let length): head.chunkwise(length)
          }
        output.addHead(o, b, h)
        finalState.setState(state, b, h)
      }
    }
    return RetentionResult(output: output, finalState: finalState)
  }

  /// Backward of `retention` in the same form.
  ///
  /// - Parameters:
  ///   - inputs: As in the forward.
  ///   - form: The form to differentiate.
  ///   - dOutput: [B, T, H, V].
  ///   - dFinalState: [B, H, K, V], or none for zero.
  /// - Returns: A gradient for each input tensor; shared key/value heads get the sum over their query heads.
  package static func retentionBackward(
    _ inputs: RetentionInputs, _ form: ReferenceForm, dOutput: ReferenceTensor, dFinalState: ReferenceTensor? = nil
  ) -> RetentionGradients {
    let (B, T, H, _) = inputs.q.shape4
    let group = H / inputs.k.shape[2]
    let dFinalState = dFinalState ?? ReferenceTensor(inputs.initialState.shape)
    precondition(dOutput.shape == [B, T, H, inputs.v.width], "retentionBackward: dOutput \(dOutput.shape)")
    precondition(dFinalState.shape == inputs.initialState.shape, "retentionBackward: state \(dFinalState.shape)")
    var gradients = RetentionGradients(
      dq: ReferenceTensor(inputs.q.shape), dk: ReferenceTensor(inputs.k.shape), dv: ReferenceTensor(inputs.v.shape),
      dInitialState: inputs.initialState)
    for b in 0..<B {
      for h in 0..<H {
        let head = RetentionHead(inputs, b, h)
        let (dO, dS) = (dOutput.head(b, h), dFinalState.state(b, h))
        let found =
          switch form {
          case .parallel: head.parallelBackward(dO, dS)
          case .recurrent: head.recurrentBackward(dO, dS)
          case .chunkwise(let length): head.chunkwiseBackward(length, dO, dS)
          }
        gradients.dq.addHead(found.dq, b, h)
        gradients.dk.addHead(found.dk, b, h / group)
        gradients.dv.addHead(found.dv, b, h / group)
        gradients.dInitialState.setState(found.dS, b, h)
      }
    }
    return gradients
  }

  /// The document starts of one sequence made of documents with these lengths.
  ///
  /// - Parameters:
  ///   - lengths: Steps of each document, in order.
  ///   - isContinued: Whether the first one began before this sequence.
  /// - Returns: One start per step, −1 for a continued first document.
  package static func documentStarts(_ lengths: [Int], isContinued: Bool = false) -> [Int] {
    var starts: [Int] = []
    for (index, length) in lengths.enumerated() {
      let start = index == 0 && isContinued ? -1 : starts.count
      starts += [Int](repeating: start, count: length)
    }
    return starts
  }
}

// MARK: - One head

/// One head of one sequence: what the formulas of retention are written for.
struct RetentionHead {
  let q, k, v: ReferenceTensor  // [T, K], [T, K], [T, V]
  let initialState: ReferenceTensor  // [K, V]
  let starts: [Int]  // [T]
  private let logDecay: Double

  init(_ inputs: RetentionInputs, _ b: Int, _ h: Int) {
    let group = inputs.q.shape[2] / inputs.k.shape[2]
    q = inputs.q.head(b, h)
    k = inputs.k.head(b, h / group)
    v = inputs.v.head(b, h / group)
    initialState = inputs.initialState.state(b, h)
    starts = inputs.documentStarts?[b] ?? [Int](repeating: -1, count: q.shape[0])
    logDecay = inputs.logDecay[h]
  }

  var T: Int { q.shape[0] }
  var K: Int { q.shape[1] }
  var V: Int { v.shape[1] }

  /// γ^steps; γ⁰ = 1 also for γ = 0, whose logarithm is −∞.
  func decay(_ steps: Int) -> Double {
    steps == 0 ? 1 : exp(Double(steps) * logDecay)
  }
}

extension ReferenceTensor {
  /// The matrix [T, W] of one head of [B, T, H, W].
  fileprivate func head(_ b: Int, _ h: Int) -> ReferenceTensor {
    slice(axis: 0, b..<b + 1).slice(axis: 2, h..<h + 1).reshaped([shape[1], shape[3]])
  }

  /// Adds a matrix [T, W] to one head of [B, T, H, W].
  fileprivate mutating func addHead(_ matrix: ReferenceTensor, _ b: Int, _ h: Int) {
    for t in 0..<shape[1] {
      for i in 0..<shape[3] { self[b, t, h, i] += matrix[t, i] }
    }
  }

  /// The matrix [K, V] of one head of a state [B, H, K, V].
  fileprivate func state(_ b: Int, _ h: Int) -> ReferenceTensor {
    slice(axis: 0, b..<b + 1).slice(axis: 1, h..<h + 1).reshaped([shape[2], shape[3]])
  }

  /// Replaces the matrix [K, V] of one head of a state [B, H, K, V].
  fileprivate mutating func setState(_ matrix: ReferenceTensor, _ b: Int, _ h: Int) {
    for i in 0..<shape[2] {
      for j in 0..<shape[3] { self[b, h, i, j] = matrix[i, j] }
    }
  }
}
