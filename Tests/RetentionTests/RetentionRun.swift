import EngineTestSupport
import Retention
import Tensors
import TestSupport

/// The operands of one retention in the program's layout: q, k and v side by side in one projection, all else NaN.
struct RetentionRun {
  let inputs: RetentionInputs
  let shape: RetentionShape
  let state: RetentionState
  /// Of the products in the chunkwise form.
  private let precision: ProductPrecision
  private let projected: Tensor
  private let table: DecayTable

  /// - Parameters:
  ///   - inputs: Numbers that Float32 holds.
  ///   - state: The state to go on from; nil: the inputs' initial state under scales between ½ and 1.
  ///   - precision: Of the products in the chunkwise form.
  init(_ inputs: RetentionInputs, state: RetentionState? = nil, precision: ProductPrecision = .float32) {
    let shape = inputs.shape
    let rows = shape.batch * shape.time
    (self.inputs, self.shape, self.precision) = (inputs, shape, precision)
    table = DecayTable(Decay(logarithms: inputs.logDecay), length: max(1, shape.time))
    projected = .poison(Shape(rows, Self.widths(shape).reduce(1, +)))
    var first = 0
    for (width, source) in zip(Self.widths(shape), [inputs.q, inputs.k, inputs.v]) {
      for row in 0..<rows {
        for column in 0..<width {
          projected[row * projected.shape[1] + first + column] = Float(source.values[row * width + column])
        }
      }
      first += width
    }
    if let state {
      self.state = state
      return
    }
    self.state = RetentionState(shape)
    let size = shape.keyWidth * shape.valueWidth
    for sequence in 0..<shape.batch * shape.heads {
      // A power of two would hide a missing factor's rounding, and 1 the factor itself.
      self.state.scales[sequence] = 0.53 + 0.4 / Double(sequence + 1)
      for index in sequence * size..<(sequence + 1) * size {
        self.state.stored[index] = Float(inputs.initialState.values[index] / self.state.scales[sequence])
      }
    }
  }

  private static func widths(_ shape: RetentionShape) -> [Int] {
    [shape.heads * shape.keyWidth, shape.keyHeads * shape.keyWidth, shape.keyHeads * shape.valueWidth]
  }

  private static func columns(_ x: Tensor, _ shape: RetentionShape) -> (q: Matrix, k: Matrix, v: Matrix) {
    let widths = widths(shape)
    let (k, v) = (widths[0], widths[0] + widths[1])
    let matrix = Matrix(x)
    return (matrix.columns(0..<k), matrix.columns(k..<v), matrix.columns(v..<v + widths[2]))
  }

  /// Runs a form forward; the state moves on.
  ///
  /// - Returns: [B·T, H·V].
  func output(_ form: Form, on pool: WorkerPool) -> Tensor { forward(form, on: pool).output }

  /// Σ_m |R[n, m]| of each row and head, by the parallel form [B·T, H]; the state moves on.
  func absoluteSums(on pool: WorkerPool) -> Tensor {
    let sums = Tensor.poison(Shape(shape.batch * shape.time, shape.heads))
    _ = forward(.parallel, absoluteSums: sums, on: pool)
    return sums
  }

  private func forward(
    _ form: Form, absoluteSums: Tensor? = nil, on pool: WorkerPool
  ) -> (output: Tensor, states: ChunkStates?) {
    let output = Tensor.poison(Shape(shape.batch * shape.time, shape.heads * shape.valueWidth))
    let (o, (q, k, v)) = (Matrix(output), Self.columns(projected, shape))
    switch form {
    case .recurrent:
      recurrentRetention(
        o, q, k, v, shape: shape, table: table, state: state, documentStarts: inputs.documents, on: pool)
    case .parallel:
      parallelRetention(
        o, q, k, v, shape: shape, table: table, state: state, documentStarts: inputs.documents,
        absoluteSums: absoluteSums, scratch: ParallelScratch(shape, workers: pool.threadCount, fill: .nan), on: pool)
    case .chunkwise(let length):
      let states = poisonedStates(length)
      chunkwiseRetention(
        o, q, k, v, shape: shape, chunkLength: length, table: table, state: state, documentStarts: inputs.documents,
        states: states, scratch: scratch(length, pool), precision: precision, on: pool)
      return (output, states)
    }
    return (output, nil)
  }

  /// Runs the chunkwise form forward and backward.
  ///
  /// - Parameters:
  ///   - chunkLength: C.
  ///   - dOutput: [B, T, H, V].
  ///   - dFinalState: [B, H, K, V]; nil: no gradient enters or leaves through the state.
  ///   - pool: Where the work runs.
  /// - Returns: The gradients under the reference's shapes; that of the state is NaN when it is not wanted.
  func gradients(
    chunkLength: Int, dOutput: ReferenceTensor, dFinalState: ReferenceTensor?, on pool: WorkerPool
  ) -> RetentionGradients {
    guard let states = forward(.chunkwise(chunkLength), on: pool).states else { preconditionFailure("not chunkwise") }
    let dprojected = Tensor.poison(projected.shape)
    let (dq, dk, dv) = Self.columns(dprojected, shape)
    let (q, k, v) = Self.columns(projected, shape)
    let dstate = dFinalState.map { Tensor($0) }
    let d_o = Tensor(dOutput.reshaped([shape.batch * shape.time, shape.heads * shape.valueWidth]))
    chunkwiseRetentionBackward(
      dq: dq, dk: dk, dv: dv, dstate: dstate, Matrix(d_o), q, k, v, shape: shape, chunkLength: chunkLength,
      table: table, documentStarts: inputs.documents, states: states, dstates: poisonedStates(chunkLength),
      scratch: scratch(chunkLength, pool), precision: precision, on: pool)
    return gradients(dprojected, dstate)
  }

  /// Runs the backward of the parallel form from the state that it was given, which stays.
  ///
  /// - Parameters:
  ///   - dOutput: [B, T, H, V].
  ///   - dFinalState: As in `gradients`.
  ///   - hasState: Whether the state is told, or counts as empty.
  ///   - pool: Where the work runs.
  /// - Returns: As `gradients`.
  func parallelGradients(
    dOutput: ReferenceTensor, dFinalState: ReferenceTensor?, hasState: Bool = true, on pool: WorkerPool
  ) -> RetentionGradients {
    let dprojected = Tensor.poison(projected.shape)
    let (dq, dk, dv) = Self.columns(dprojected, shape)
    let (q, k, v) = Self.columns(projected, shape)
    let dstate = dFinalState.map { Tensor($0) }
    let d_o = Tensor(dOutput.reshaped([shape.batch * shape.time, shape.heads * shape.valueWidth]))
    parallelRetentionBackward(
      dq: dq, dk: dk, dv: dv, dstate: dstate, Matrix(d_o), q, k, v, shape: shape, table: table,
      state: hasState ? state : nil, documentStarts: inputs.documents,
      scratch: ParallelScratch(shape, workers: pool.threadCount, fill: .nan), on: pool)
    return gradients(dprojected, dstate)
  }

  /// The gradients under the reference's shapes.
  private func gradients(_ dprojected: Tensor, _ dstate: Tensor?) -> RetentionGradients {
    var (parts, first) = ([ReferenceTensor](), 0)
    for (width, source) in zip(Self.widths(shape), [inputs.q, inputs.k, inputs.v]) {
      parts.append(dprojected.reference.slice(axis: 1, first..<first + width).reshaped(source.shape))
      first += width
    }
    return RetentionGradients(
      dq: parts[0], dk: parts[1], dv: parts[2],
      dInitialState: dstate?.reference ?? ReferenceTensor(inputs.initialState.shape, repeating: .nan))
  }

  private func poisonedStates(_ chunkLength: Int) -> ChunkStates {
    ChunkStates(shape, chunks: ChunkPlan(time: shape.time, length: chunkLength).count, fill: .nan)
  }

  private func scratch(_ chunkLength: Int, _ pool: WorkerPool) -> ChunkScratch {
    ChunkScratch(shape, chunkLength: chunkLength, workers: pool.threadCount, fill: .nan)
  }
}

extension RetentionState {
  /// S under the reference's shape [B, H, K, V].
  var reference: ReferenceTensor { ReferenceTensor(stored.shape.extents, values) }

  /// Stored numbers and scales as bits.
  var bits: [UInt64] { stored.bits.map(UInt64.init) + scales.values.map(\.bitPattern) }
}
