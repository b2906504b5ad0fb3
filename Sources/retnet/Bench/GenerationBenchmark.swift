internal import Glibc
internal import Inference
internal import Modeling
internal import Retention
internal import Tensors

/// Times prompt processing or decoding, and in between the machine's plain products or memory reads.
struct GenerationBenchmark {
  let subject: BenchSubject
  /// Whether a prompt is read; otherwise tokens are decoded.
  let isPrompt: Bool
  let count: Int
  /// The number of sequences decoded together; 1 for a prompt.
  let batch: Int
  /// The number of tokens before the timed ones.
  let depth: Int
  /// Whether all of those are read; otherwise a state from a few tokens is set to that position.
  let readsDepth: Bool
  let chunkLength: Int
  let threads: Int
  let repetitions: Int

  /// The bytes that a step moves: weights read, and for each sequence the state, on average over the run.
  var stepByteCount: Int {
    subject.network.weights.decodedByteCount + batch * subject.movedStateByteCount(at: depth + count / 2)
  }

  /// The number of tokens used to make a state of any depth, if it is not read in full.
  private static let shortDepth = 64

  var key: [BenchField] {
    let test =
      (isPrompt ? "pp" : "tg") + "\(count)" + (batch > 1 ? " b\(batch)" : "") + (depth > 0 ? " @ d\(depth)" : "")
    return [
      BenchField("test", .text(test)),
      BenchField("model", .text(subject.name)),
      BenchField("parameters", .integer(subject.parameterCount), shown: grouped(subject.parameterCount)),
      BenchField("form", .text(isPrompt ? "chunkwise" : "recurrent")),
      BenchField("chunk_length", isPrompt ? .integer(chunkLength) : .null, heading: "chunk"),
      BenchField("precision", .text(subject.format)),
      BenchField("threads", .integer(threads)),
      BenchField("depth", .integer(depth), heading: nil),
      BenchField("batch", .integer(batch), heading: nil),
    ]
  }

  /// Makes the runs, after one warm-up run.
  ///
  /// - Parameter runDone: Called after each run.
  /// - Returns: The times of the runs.
  func measure(_ runDone: () -> Void) -> GenerationMeasurement {
    let isMemoryOwn = PeakMemory.reset()
    let clock = StepClock()
    let pool = WorkerPool(threadCount: threads, clock: clock)
    // A cache has to hold the keys and values of all tokens.
    let readsAll = readsDepth || !subject.network.configuration.hasFixedStates
    let before = readsAll ? depth : min(depth, Self.shortDepth)
    var reader = TokenReader(
      subject.network, chunkLength: chunkLength, longest: max(isPrompt ? count : 1, before), on: pool)
    let deep = reader.stateAfter(depth, reading: before)
    var decoder = batch > 1 ? BatchDecoder(subject.network, capacity: batch, on: pool) : nil
    let tokens = Array(repeating: Int32(0), count: batch)
    func makeRun() -> PartTimes {
      reader.state.copy(deep, on: pool)
      decoder?.fill(with: deep, position: depth)
      pool.charge(.rows)
      _ = clock.takeTimes()
      if isPrompt {
        reader.read(count)
      } else {
        for _ in 0..<count { decoder == nil ? reader.decode() : decoder?.append(tokens) }
      }
      return clock.takeTimes()
    }
    _ = makeRun()
    runDone()
    let peakMemory = PeakMemory.bytes
    let products = isPrompt ? ProductProbe() : nil
    let memory = isPrompt ? nil : BandwidthProbe(byteCount: stepByteCount)
    var (runs, limits) = ([PartTimes](), [Double]())
    for _ in 0..<repetitions {
      if let products {
        limits.append(products.measure(subject.format == "f32" ? .float32 : .bfloat16, on: pool).faster)
        // OpenBLAS's own threads have to stop spinning, or they would take the run's cores.
        usleep(100_000)
      }
      if let memory { limits.append(memory.measure(on: pool)) }
      runs.append(makeRun())
      runDone()
    }
    return GenerationMeasurement(runs: runs, limits: limits, peakMemory: peakMemory, isMemoryOwn: isMemoryOwn)
  }
}

/// Reads and decodes tokens as `Generator` does, from a state of any depth.
private struct TokenReader {
  var state: ModelState
  private let network: LanguageModel
  private let memory: InferenceMemory
  private let ids: Indices
  private let logits: Tensor
  private let chunkLength: Int
  private let pool: WorkerPool

  /// - Parameters:
  ///   - network: The model.
  ///   - chunkLength: The chunk length for prompts.
  ///   - longest: The largest number of consecutive tokens to read: a longer chunk needs no memory.
  ///   - pool: The worker pool.
  init(_ network: LanguageModel, chunkLength: Int, longest: Int, on pool: WorkerPool) {
    let configuration = network.configuration
    (self.network, self.chunkLength, self.pool) = (network, chunkLength, pool)
    state = ModelState(configuration, batch: 1)
    memory = InferenceMemory(
      configuration, form: .chunkwise(chunkLength: chunkLength), batch: 1, time: min(chunkLength, longest),
      workers: pool.threadCount)
    var source = RandomSource(seed: 0)
    ids = Indices(
      (0..<chunkLength).map { _ in Int32.random(in: 0..<Int32(configuration.vocabularySize), using: &source) })
    logits = Tensor(Shape(1, configuration.vocabularySize))
  }

  /// A state at position `depth`, of which only the last `count` tokens were really read.
  mutating func stateAfter(_ depth: Int, reading count: Int) -> ModelState {
    state.clear(on: pool)
    state.position = depth - count
    read(count)
    var deep = ModelState(network.configuration, batch: 1)
    deep.copy(state, on: pool)
    return deep
  }

  /// Reads a prompt in chunks, the last of which may be short, and computes the logits after it.
  mutating func read(_ count: Int) {
    let width = network.configuration.width
    for start in stride(from: 0, to: count, by: chunkLength) {
      let length = min(chunkLength, count - start)
      let normed = network.forward(
        ids.slice(0..<length), batch: 1, form: .chunkwise(chunkLength: chunkLength), state: &state, memory: memory,
        on: pool)
      guard start + length == count else { continue }
      network.computeLogits(logits, normed.view(Shape(1, width), at: (length - 1) * width), on: pool)
    }
  }

  /// Reads one token and computes the logits after it.
  mutating func decode() {
    let id = ids.slice(state.position % chunkLength..<state.position % chunkLength + 1)
    let normed = network.forward(id, batch: 1, form: .recurrent, state: &state, memory: memory, on: pool)
    network.computeLogits(logits, normed, on: pool)
  }
}
