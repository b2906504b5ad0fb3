internal import Modeling
internal import Retention
internal import Tensors

/// Memory to read a text in segments, made for the longest one so far.
struct SegmentMemory {
  private let network: LanguageModel
  private let form: RetentionForm
  private let pool: WorkerPool
  private var memory: InferenceMemory?
  private var length = 0
  /// The number of tokens of a segment; without end for the parallel form, which reads each document as a whole.
  let segmentLength: Int

  /// The number of tokens read at a time, unless chunks are longer.
  private static let usualSegment = 512

  /// - Parameters:
  ///   - network: The model.
  ///   - form: The form of retention.
  ///   - pool: Where the work runs.
  init(_ network: LanguageModel, form: RetentionForm, on pool: WorkerPool) {
    (self.network, self.form, self.pool) = (network, form, pool)
    segmentLength = Self.segmentLength(form, network.configuration)
  }

  /// See the property; whole chunks in the chunkwise form.
  static func segmentLength(_ form: RetentionForm, _ configuration: ModelConfiguration) -> Int {
    let length =
      switch form {
      case .parallel: Int.max
      case .recurrent: usualSegment
      case .chunkwise(let chunkLength): chunkLength * max(1, usualSegment / chunkLength)
      }
    return min(length, configuration.rotation.longestCall ?? .max)
  }

  /// Memory for a segment.
  ///
  /// - Parameter tokens: Its length.
  /// - Returns: The memory of the call before, if that is enough.
  mutating func memory(for tokens: Int) -> InferenceMemory {
    if let memory, length >= tokens { return memory }
    // With long chunks, a short text gets memory for its own length only: most of it grows with the square.
    let time = form == .parallel ? tokens : max(tokens, min(segmentLength, Self.usualSegment))
    memory = nil  // Freed before the new memory is allocated.
    let made = InferenceMemory(network.configuration, form: form, batch: 1, time: time, workers: pool.threadCount)
    (memory, length) = (made, time)
    return made
  }
}
