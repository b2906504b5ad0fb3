package import Modeling
internal import Retention
package import Tensors

/// Exact full-history perplexity: every token is scored given all tokens before it in its document.
///
/// The text is read in segments and the state is carried between them, so memory is constant. The parallel form reads
/// each document as a whole: its memory grows linearly, its time quadratically.
package struct PerplexityMeter {
  package let form: RetentionForm
  package internal(set) var score = Score()
  private let network: LanguageModel
  let pool: WorkerPool
  private let precision: ProductPrecision
  private let scoredBytes: ScoredBytes
  private var memory: SegmentMemory
  private let block: LossBlock
  var state: ModelState
  private let initial: ModelState?
  var inputs: [Int32] = []
  var targets: [Int32] = []
  var previous: Int32?
  /// The document's first token, if it is not scored and its bytes are not yet subtracted.
  var unscored: Int32?

  /// - Parameters:
  ///   - network: The model.
  ///   - form: The form of retention; the chunkwise form reads whole chunks, about 512 tokens at a time.
  ///   - scoredBytes: Counts the bytes that the scored tokens encode.
  ///   - initial: The state that documents start from; nil: an empty one.
  ///   - precision: Precision of products with Float32 weights.
  ///   - pool: Where the work runs.
  package init(
    _ network: LanguageModel, form: RetentionForm, scoredBytes: ScoredBytes, initial: ModelState? = nil,
    precision: ProductPrecision = .float32, on pool: WorkerPool
  ) {
    self.network = network
    self.precision = precision
    self.scoredBytes = scoredBytes
    self.initial = initial
    self.form = form
    self.pool = pool
    memory = SegmentMemory(network, form: form, on: pool)
    block = LossBlock(network, precision: precision, on: pool)
    state = ModelState(network.configuration, batch: 1)
  }

  /// The bytes that a meter of the recurrent or chunkwise form needs besides the model.
  package static func byteCount(_ configuration: ModelConfiguration, form: RetentionForm, workers: Int) -> Double {
    precondition(form != .parallel, "PerplexityMeter: the parallel form needs as much as a document is long")
    return ModelState.byteCount(configuration, batch: 1) + LossBlock.byteCount(configuration)
      + InferenceMemory.byteCount(
        configuration, form: form, batch: 1, time: SegmentMemory.segmentLength(form, configuration), workers: workers)
  }

  /// Starts a document from the initial state.
  ///
  /// - Parameter bos: The token before the document; nil: the document's first token is not scored.
  package mutating func startDocument(bos: Int32?) {
    finishSegment()
    score.endDocument()
    if let initial { state.copy(initial, on: pool) } else { state.clear(on: pool) }
    (previous, unscored) = (bos, nil)
  }

  /// Replaces the last token as the context of the next one: the BOS of a document that keeps the state of the document
  /// before it.
  package mutating func goOn(after token: Int32) { previous = token }

  /// Scores the next tokens of the document.
  package mutating func append(_ tokens: some Sequence<Int32>) {
    for token in tokens {
      if previous == nil { unscored = token }
      read(token, isScored: true)
    }
  }

  private mutating func read(_ token: Int32, isScored: Bool) {
    if let previous {
      inputs.append(previous)
      targets.append(isScored ? token : -1)
    }
    previous = token
    if inputs.count == memory.segmentLength { finishSegment() }
  }

  /// Reads the next tokens of a document of which only a part is scored, and adds the bytes that the scored tokens decode
  /// to. `count` is not called for such a document; the number of its words is unknown.
  ///
  /// - Parameters:
  ///   - tokens: All tokens.
  ///   - unscored: The indices of tokens that are read, but not scored.
  package mutating func append(_ tokens: [Int32], unscored: [Range<Int>]) {
    score.words = nil
    var unscored = unscored[...]
    for (index, token) in tokens.enumerated() {
      if let range = unscored.first, index >= range.upperBound { unscored.removeFirst() }
      let isScored = !(unscored.first?.contains(index) ?? false)
      if isScored, previous != nil { score.bytes += scoredBytes.count(token) }
      read(token, isScored: isScored)
    }
  }

  /// Adds the size of the text that the document's tokens encode. A token file or a text gives it; the ids do not.
  ///
  /// - Parameters:
  ///   - bytes: The bytes of the whole document, or of everything since the last call.
  ///   - words: The words of the same text; nil: unknown.
  package mutating func count(bytes: Int, words: Int?) {
    score.bytes += scoredBytes.count(bytes, unscored: unscored)
    unscored = nil
    score.words = score.words.flatMap { sum in words.map { sum + $0 } }
  }

  /// Scores all pending tokens; must be called before the final `score` is read.
  package mutating func finishSegment() {
    guard !inputs.isEmpty else { return }
    let normed = network.forward(
      Indices(inputs), batch: 1, form: form, state: &state, precision: precision,
      memory: memory.memory(for: inputs.count), on: pool)
    let scored = Indices(targets)
    for rows in targets.indices.blocks(of: block.limit) {
      block.compute(rows, of: normed, targets: scored.slice(rows))
      for row in rows where targets[row] >= 0 { score.add(Double(block.losses[row - rows.lowerBound])) }
    }
    inputs.removeAll(keepingCapacity: true)
    targets.removeAll(keepingCapacity: true)
  }
}
