internal import Glibc
package import Modeling
package import Tensors

/// What was found over a text: sums, and the figures made from them (docs/MATH.md, eq. 24).
package struct Score: Sendable {
  /// Σ -ln p over the scored tokens, in nats.
  package private(set) var nats = 0.0
  /// Σ (-ln p)², for the standard error.
  private var squares = 0.0
  /// Which of the scored tokens, from 0, is the first whose loss is not finite; nil: none.
  package private(set) var firstNotFinite: Int?
  /// Scored tokens.
  package private(set) var tokens = 0
  /// Bytes of text that these tokens stand for.
  package fileprivate(set) var bytes = 0
  /// Words of that text; nil if they are not known of all of it.
  package fileprivate(set) var words: Int? = 0

  package init() {}

  fileprivate mutating func add(_ loss: Double) {
    if !loss.isFinite, firstNotFinite == nil { firstNotFinite = tokens }
    nats += loss
    squares += loss * loss
    tokens += 1
  }

  /// Nats per token.
  package var loss: Double { nats / Double(tokens) }

  package var perplexity: Double { exp(loss) }

  /// Not a number where no bytes are scored.
  package var bitsPerByte: Double { bytes > 0 ? nats / log(2) / Double(bytes) : .nan }

  /// Not a number where no bytes are scored.
  package var bytePerplexity: Double { bytes > 0 ? exp(nats / Double(bytes)) : .nan }

  /// nil where the words are not known, or the text has none: what stands between its spaces is longer than 20 bytes on
  /// average, as in Chinese or Thai.
  package var wordPerplexity: Double? {
    words.flatMap { $0 > 0 && bytes > 0 && bytes <= Self.longestMeanWord * $0 ? exp(nats / Double($0)) : nil }
  }

  // Bytes of text for each word: the King James Bible has 5, source code 7, a Chinese text with some Latin words 26.
  private static let longestMeanWord = 20

  /// Standard error of `loss`, taking tokens as independent.
  package var standardError: Double {
    guard tokens > 1 else { return .nan }
    let variance = max(0, squares / Double(tokens) - loss * loss) * Double(tokens) / Double(tokens - 1)
    return (variance / Double(tokens)).squareRoot()
  }
}

/// Exact full-history perplexity: every token is scored given all that came before it in its document.
///
/// One pass, the state carried from segment to segment, so memory does not grow with the text; except in the parallel
/// form, which needs a document whole (its memory grows linearly, its time quadratically).
package struct PerplexityMeter {
  package let form: RetentionForm
  package private(set) var score = Score()
  private let network: LanguageModel
  private let pool: WorkerPool
  private let segmentLength: Int
  private let scoredBytes: ScoredBytes
  private var memory: InferenceMemory?
  private var memoryLength = 0
  private var state: ModelState
  private let initial: ModelState?
  private var inputs: [Int32] = []
  private var targets: [Int32] = []
  private var previous: Int32?
  /// The document's first token, if it is not scored and its bytes are not yet taken off.
  private var unscored: Int32?
  private let logits: Tensor
  private let losses: Tensor

  private let logitRows: Int

  /// - Parameters:
  ///   - network: The model.
  ///   - form: Which form computes; the chunkwise one reads whole chunks, about 512 tokens at a time.
  ///   - scoredBytes: Tells which bytes count.
  ///   - initial: What documents start from; nil: nothing.
  ///   - pool: Where the work runs.
  package init(
    _ network: LanguageModel, form: RetentionForm, scoredBytes: ScoredBytes, initial: ModelState? = nil,
    on pool: WorkerPool
  ) {
    self.network = network
    self.scoredBytes = scoredBytes
    self.initial = initial
    self.form = form
    self.pool = pool
    segmentLength = Self.segmentLength(form)
    state = ModelState(network.configuration, batch: 1)
    logitRows = network.configuration.logitRows
    logits = Tensor(Shape(logitRows, network.configuration.vocabularySize))
    losses = Tensor(Shape(logitRows))
  }

  private static func segmentLength(_ form: RetentionForm) -> Int {
    switch form {
    case .parallel: .max
    case .recurrent: usualSegment
    case .chunkwise(let chunkLength): chunkLength * max(1, usualSegment / chunkLength)
    }
  }

  /// Tokens that are read at a time, where chunks are not longer.
  private static let usualSegment = 512

  /// Bytes that a meter of the recurrent or chunkwise form needs beside the model.
  package static func byteCount(_ configuration: ModelConfiguration, form: RetentionForm, workers: Int) -> Double {
    precondition(form != .parallel, "PerplexityMeter: the parallel form needs as much as a document is long")
    let rows = configuration.logitRows
    return ModelState.byteCount(configuration, batch: 1)
      + Tensor.byteCount(rows, configuration.vocabularySize) + Tensor.byteCount(rows)
      + InferenceMemory.byteCount(
        configuration, form: form, batch: 1, time: segmentLength(form), workers: workers)
  }

  /// Forgets what was read and starts a document.
  ///
  /// - Parameter bos: The token that it starts with; nil: the document's first token is then not scored.
  package mutating func startDocument(bos: Int32?) {
    finishSegment()
    if let initial { state.copy(initial, on: pool) } else { state.clear(on: pool) }
    (previous, unscored) = (bos, nil)
  }

  /// Lets a token take the place of the one that was read last: the BOS of a document that goes on from another.
  package mutating func goOn(after token: Int32) { previous = token }

  /// Scores the next tokens of the document.
  package mutating func append(_ tokens: some Sequence<Int32>) {
    for token in tokens {
      if let previous {
        inputs.append(previous)
        targets.append(token)
      } else {
        unscored = token
      }
      previous = token
      if inputs.count == segmentLength { finishSegment() }
    }
  }

  /// Says how much text the document's tokens stand for: a token file and a text know it, the ids do not.
  ///
  /// - Parameters:
  ///   - bytes: Of the whole document, or of all that follows the last call.
  ///   - words: nil where they are not known.
  package mutating func count(bytes: Int, words: Int?) {
    score.bytes += scoredBytes.count(bytes, unscored: unscored)
    unscored = nil
    score.words = score.words.flatMap { sum in words.map { sum + $0 } }
  }

  /// Scores what was not scored yet: to be called before `score` is final.
  package mutating func finishSegment() {
    guard !inputs.isEmpty else { return }
    let memory = memory(for: inputs.count)
    let ids = Indices(inputs)
    let normed = network.forward(ids, batch: 1, form: form, state: &state, memory: memory, on: pool)
    let (scored, width) = (Indices(targets), network.configuration.width)
    for start in stride(from: 0, to: targets.count, by: logitRows) {
      let count = min(logitRows, targets.count - start)
      let block = logits.prefix(count)
      network.computeLogits(block, normed.view(Shape(count, width), at: start * width), on: pool)
      crossEntropy(losses.prefix(count), logits: block, targets: scored.slice(start..<start + count), on: pool)
      for row in 0..<count { score.add(Double(losses[row])) }
    }
    inputs.removeAll(keepingCapacity: true)
    targets.removeAll(keepingCapacity: true)
  }

  private mutating func memory(for length: Int) -> InferenceMemory {
    if let memory, memoryLength >= length { return memory }
    // A segment of a long chunk need not be as long as the text: most of its memory grows with the square.
    let time = form == .parallel ? length : max(length, min(segmentLength, Self.usualSegment))
    memory = nil  // Before more is asked for.
    let made = InferenceMemory(network.configuration, form: form, batch: 1, time: time, workers: pool.threadCount)
    memory = made
    memoryLength = time
    return made
  }
}

extension ModelConfiguration {
  /// Rows of logits that an evaluation computes at a time: 256, fewer if the vocabulary makes them more than 64 MiB.
  var logitRows: Int { max(1, min(256, (1 << 24) / vocabularySize)) }
}
