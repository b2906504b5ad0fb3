internal import Retention
internal import Tensors

/// What all layers of retention share in a call: decay powers, angles and scratch, for a longest call.
final class RetentionMemory: MixerMemory {
  let form: RetentionForm
  let table: DecayTable
  let rotation: RotationTable
  let chunks: ChunkScratch?
  let rows: ParallelScratch?
  let sums: ScoreSums?
  /// Moves the origin of the states behind a call; nil without xPos.
  let xposDecay: XPosDecay?
  /// The term of an initial state; nil if documents start from zero.
  let initialTerm: InitialStateTerm?

  /// - Parameters:
  ///   - configuration: Resolved.
  ///   - plan: The calls.
  init(_ configuration: ModelConfiguration, _ plan: MixerMemoryPlan) {
    let (batch, time, form, workers) = (plan.shape.batch, plan.shape.time, plan.shape.form, plan.workers)
    let shape = configuration.retentionShape(batch: batch, time: time)
    let decay = plan.decay ?? Decay(configuration.decay, heads: configuration.heads)
    self.form = form
    let rotation = configuration.rotation
    initialTerm = plan.hasInitialState ? InitialStateTerm(shape, decay: decay, rotation: rotation) : nil
    xposDecay = rotation.xposLogDecays == nil ? nil : XPosDecay(rotation, shape)
    self.rotation = RotationTable(rotation, capacity: form == .recurrent ? max(time, batch) : time)
    switch form {
    case .parallel:
      table = DecayTable(decay, length: max(1, time))
      chunks = nil
      rows = ParallelScratch(shape, workers: workers)
    case .recurrent:
      table = DecayTable(decay, length: 1)
      chunks = nil
      rows = nil
    case .chunkwise(let chunkLength):
      let length = ChunkPlan(time: time, length: chunkLength).length
      table = DecayTable(decay, length: length)
      chunks = ChunkScratch(shape, chunkLength: length, workers: workers)
      rows = nil
    }
    sums = configuration.scoreNorm == .none ? nil : ScoreSums(configuration, form: form, shape: shape, workers: workers)
  }

  /// Bytes of what `init` allocates.
  static func byteCount(_ configuration: ModelConfiguration, _ plan: MixerMemoryPlan) -> Double {
    let (batch, time, form, workers) = (plan.shape.batch, plan.shape.time, plan.shape.form, plan.workers)
    let shape = configuration.retentionShape(batch: batch, time: time)
    let rotation = configuration.rotation
    let initial = plan.hasInitialState ? InitialStateTerm.byteCount(shape, rotation: rotation) : 0
    let sums = configuration.scoreNorm == .none ? 0 : ScoreSums.byteCount(form: form, shape: shape)
    let positions =
      RotationTable.byteCount(rotation, capacity: form == .recurrent ? max(time, batch) : time)
      + (rotation.xposLogDecays == nil ? 0 : XPosDecay.byteCount(shape))
    let scratch: Double
    switch form {
    case .parallel:
      scratch =
        DecayTable.byteCount(heads: shape.heads, length: max(1, time))
        + ParallelScratch.byteCount(shape, workers: workers)
    case .recurrent: scratch = DecayTable.byteCount(heads: shape.heads, length: 1)
    case .chunkwise(let chunkLength):
      let length = ChunkPlan(time: time, length: chunkLength).length
      scratch =
        DecayTable.byteCount(heads: shape.heads, length: length)
        + ChunkScratch.byteCount(shape, chunkLength: length, workers: workers)
    }
    return sums + positions + scratch + initial
  }

  func prepare(first position: Int, count: Int) { rotation.prepare(first: position, count: count) }

  func prepare(_ positions: [Int]) { rotation.prepare(positions) }

  func prepareInitialState(_ documentStarts: Indices?) { initialTerm?.prepare(documentStarts) }
}

extension RetentionMixer {
  static func makeMemory(_ c: ModelConfiguration, _ plan: MixerMemoryPlan) -> RetentionMemory {
    RetentionMemory(c, plan)
  }

  static func memoryByteCount(_ c: ModelConfiguration, _ plan: MixerMemoryPlan) -> Double {
    RetentionMemory.byteCount(c, plan)
  }
}

/// Memory for summing the scores of each row.
struct ScoreSums {
  private let sumRows: Tensor
  private let oneRows: Tensor
  let states: ChunkStates?

  init(_ configuration: ModelConfiguration, form: RetentionForm, shape: RetentionShape, workers: Int) {
    let rows = shape.batch * shape.time
    sumRows = Tensor(Shape(rows, shape.heads))
    oneRows = Tensor(Shape(rows, shape.keyHeads))
    oneRows.fill(1)
    if case .chunkwise(let chunkLength) = form {
      states = ChunkStates(shape.withUnitValues, chunks: ChunkPlan(time: shape.time, length: chunkLength).count)
    } else {
      states = nil
    }
  }

  static func byteCount(form: RetentionForm, shape: RetentionShape) -> Double {
    let rows = Tensor.byteCount(shape.batch, shape.time, shape.heads + shape.keyHeads)
    guard case .chunkwise(let chunkLength) = form else { return rows }
    let chunks = ChunkPlan(time: shape.time, length: chunkLength).count
    return rows + ChunkStates.byteCount(shape.withUnitValues, chunks: chunks)
  }

  func sums(_ shape: RetentionShape) -> Tensor { sumRows.prefix(shape.batch * shape.time) }

  func ones(_ shape: RetentionShape) -> Matrix { Matrix(oneRows.prefix(shape.batch * shape.time)) }
}
