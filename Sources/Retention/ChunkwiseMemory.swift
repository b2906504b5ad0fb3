internal import Tensors

/// How a sequence is cut into chunks; the last chunk may be shorter.
package struct ChunkPlan: Sendable, Equatable {
  package let time: Int
  package let length: Int

  package init(time: Int, length: Int) {
    precondition(length >= 1, "ChunkPlan: chunk length \(length)")
    self.time = time
    self.length = min(length, max(1, time))
  }

  package var count: Int { (time + length - 1) / length }

  func range(_ chunk: Int) -> Range<Int> { chunk * length..<min((chunk + 1) * length, time) }
}

/// The states that enter the chunks, which the chunkwise form keeps from forward to backward.
package struct ChunkStates: Sendable {
  /// Stored parts [B·H, n + 1, K, V]: entry 0 enters the first chunk, entry n leaves the last.
  let stored: Tensor
  /// Scale of each entry [B·H, n + 1].
  let scales: DoubleBuffer
  /// Factor of entry c in entry c + 1 [B·H, n + 1]; 0 if the last document of chunk c starts in that chunk.
  let keeps: DoubleBuffer
  let capacity: Int

  /// - Parameters:
  ///   - shape: The extents.
  ///   - chunks: The most chunks of a call.
  ///   - fill: Initial value of the memory; tests use NaN.
  package init(_ shape: RetentionShape, chunks: Int, fill: Float = 0) {
    let sequences = shape.batch * shape.heads
    stored = Tensor(Shape(sequences, chunks + 1, shape.keyWidth, shape.valueWidth))
    scales = DoubleBuffer(count: sequences * (chunks + 1), repeating: Double(fill))
    keeps = DoubleBuffer(count: sequences * (chunks + 1), repeating: Double(fill))
    capacity = chunks
    if fill != 0 { stored.fill(fill) }
  }

  /// Bytes of what `init` allocates.
  package static func byteCount(_ shape: RetentionShape, chunks: Int) -> Double {
    let (B, H, n) = (shape.batch, shape.heads, chunks + 1)
    return Tensor.byteCount(B, H, n, shape.keyWidth, shape.valueWidth) + 2 * DoubleBuffer.byteCount(B, H, n)
  }

  func entry(_ sequence: Int, _ chunk: Int) -> Int { sequence * (capacity + 1) + chunk }

  func tensor(_ sequence: Int, _ chunk: Int) -> Tensor {
    let (keyWidth, valueWidth) = (stored.shape[2], stored.shape[3])
    return stored.view(Shape(keyWidth, valueWidth), at: entry(sequence, chunk) * keyWidth * valueWidth)
  }

  func matrix(_ sequence: Int, _ chunk: Int) -> Matrix { Matrix(tensor(sequence, chunk)) }
}

/// Scratch of the chunkwise form, for each worker: two blocks of scores, scaled rows, row factors.
package struct ChunkScratch: Sendable {
  private let scores: Tensor
  private let secondScores: Tensor
  private let scaled: Tensor
  private let factorRows: Tensor
  let chunkLength: Int
  let workers: Int

  /// - Parameters:
  ///   - shape: The extents.
  ///   - chunkLength: The longest chunk.
  ///   - workers: Threads of the pool.
  ///   - fill: Initial value of the memory; tests use NaN.
  package init(_ shape: RetentionShape, chunkLength: Int, workers: Int, fill: Float = 0) {
    self.chunkLength = chunkLength
    self.workers = workers
    scores = Tensor(Shape(workers, chunkLength, chunkLength))
    secondScores = Tensor(Shape(workers, chunkLength, chunkLength))
    scaled = Tensor(Shape(workers, chunkLength, max(shape.keyWidth, shape.valueWidth)))
    factorRows = Tensor(Shape(workers, chunkLength))
    if fill != 0 { for tensor in [scores, secondScores, scaled, factorRows] { tensor.fill(fill) } }
  }

  /// Bytes of what `init` allocates.
  package static func byteCount(_ shape: RetentionShape, chunkLength C: Int, workers: Int) -> Double {
    Tensor.byteCount(workers, C, 2 * C + max(shape.keyWidth, shape.valueWidth) + 1)
  }

  func scores(_ worker: Int, _ length: Int) -> Matrix { block(scores, worker, length, length) }

  func secondScores(_ worker: Int, _ length: Int) -> Matrix { block(secondScores, worker, length, length) }

  func scaled(_ worker: Int, _ length: Int, _ width: Int) -> Matrix { block(scaled, worker, length, width) }

  func factors(_ worker: Int, _ length: Int) -> Tensor {
    factorRows.view(Shape(length), at: worker * factorRows.shape[1])
  }

  private func block(_ tensor: Tensor, _ worker: Int, _ rows: Int, _ columns: Int) -> Matrix {
    Matrix(tensor.view(Shape(rows, columns), at: worker * tensor.shape[1] * tensor.shape[2]))
  }
}

/// The arguments of one call of the chunkwise form, for its tasks.
struct ChunkwiseCall: Sendable {
  let shape: RetentionShape
  let plan: ChunkPlan
  let table: DecayTable
  let states: ChunkStates
  let documentStarts: Indices?
  let scratch: ChunkScratch
  let products: TaskProducts

  /// Checks that the memory is large enough for the plan and the pool, and the table for the chunks.
  func check(workers: Int, in operation: StaticString) {
    precondition(
      plan.count <= states.capacity && states.stored.shape[0] == shape.batch * shape.heads,
      "\(operation): states for \(states.stored.shape[0]) × \(states.capacity) chunks, needs "
        + "\(shape.batch * shape.heads) × \(plan.count)")
    precondition(
      plan.length <= scratch.chunkLength && plan.length <= table.length,
      "\(operation): chunks of \(plan.length), scratch for \(scratch.chunkLength), powers for \(table.length)")
    precondition(
      workers <= scratch.workers, "\(operation): scratch of \(scratch.workers) workers, the pool has \(workers)")
    table.check(shape, documentStarts, in: operation)
  }

  /// The index in its sequence at which a token's document starts; -1 if it started before the call.
  func documentStart(_ b: Int, _ t: Int) -> Int { documentStarts.map { Int($0[b * shape.time + t]) } ?? -1 }

  /// The first key of each row's document, as an index in the sequence; nil if there is one document.
  func firstColumns(_ b: Int, _ chunk: Range<Int>) -> Indices? {
    documentStarts?.slice(b * shape.time + chunk.lowerBound..<b * shape.time + chunk.upperBound)
  }

  /// ξ_j = γ^(j+1) · scale: the weight of the entering stored state in row j of a chunk (docs/MATH.md, eq. 9).
  ///
  /// It is 0 for rows of a document that starts in the chunk (eq. 10).
  func entering(_ b: Int, _ h: Int, _ chunk: Int, worker: Int) -> Tensor {
    let range = plan.range(chunk)
    let scale = states.scales[states.entry(b * shape.heads + h, chunk)]
    let factors = scratch.factors(worker, range.count)
    for row in 0..<range.count {
      let start = documentStart(b, range.lowerBound + row)
      let isVisible = start < range.lowerBound
      factors[row] = isVisible ? Float(table.power(h, row + 1) * scale) : 0
    }
    return factors
  }

  /// ζ_j = γ^(C-1-j) / scale: the weight of row j of a chunk in the stored state that leaves it (docs/MATH.md, eq. 9).
  ///
  /// It is 0 for rows before the chunk's last document (eq. 10).
  func leaving(_ b: Int, _ h: Int, _ chunk: Int, worker: Int) -> Tensor {
    let range = plan.range(chunk)
    let scale = states.scales[states.entry(b * shape.heads + h, chunk + 1)]
    let start = documentStart(b, range.upperBound - 1)
    let factors = scratch.factors(worker, range.count)
    for row in 0..<range.count {
      let isKept = range.lowerBound + row >= start
      factors[row] = isKept ? Float(table.power(h, range.count - 1 - row) / scale) : 0
    }
    return factors
  }

  /// Computes the scales and keep factors of all chunks of one sequence and head, from the scale that enters the first.
  func moveScales(_ sequence: Int, from first: Double) {
    let (b, h) = (sequence / shape.heads, sequence % shape.heads)
    var scale = first
    for chunk in 0..<plan.count {
      let range = plan.range(chunk)
      let endsDocument = documentStart(b, range.upperBound - 1) >= range.lowerBound
      let step = ScaleStep(scale: endsDocument ? 1 : scale, power: table.power(h, range.count))
      states.scales[states.entry(sequence, chunk)] = scale
      states.keeps[states.entry(sequence, chunk)] = endsDocument ? 0 : step.keep
      scale = step.scale
    }
    states.scales[states.entry(sequence, plan.count)] = scale
  }
}
