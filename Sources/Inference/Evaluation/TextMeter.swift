package import Modeling
internal import Retention
package import Tensors

/// Windows in which a text is evaluated, as `WindowMeter` reads them.
package struct EvaluationWindows: Equatable, Sendable {
  package let rule: WindowRule
  /// The tokens of a window, and the new tokens of each window after the first.
  package let length: Int
  package let stride: Int

  package init(rule: WindowRule, length: Int, stride: Int) {
    (self.rule, self.length, self.stride) = (rule, length, stride)
  }
}

/// Scores the documents of a text, given everything before a token, or in windows.
package struct TextMeter {
  // Exactly one of them is there. An enumeration would copy their buffers when they change.
  package private(set) var history: PerplexityMeter?
  private var windows: WindowMeter?

  /// - Parameters:
  ///   - network: The model.
  ///   - form: The form of retention; windows are read in the chunkwise form of length 128.
  ///   - windows: nil: the full history.
  ///   - scoredBytes: Counts the bytes that the scored tokens encode.
  ///   - initial: The state that documents start from; nil: an empty one. Not with windows.
  ///   - precision: Precision of products with Float32 weights.
  ///   - pool: Where the work runs.
  package init(
    _ network: LanguageModel, form: RetentionForm, windows: EvaluationWindows?, scoredBytes: ScoredBytes,
    initial: ModelState? = nil, precision: ProductPrecision = .float32, on pool: WorkerPool
  ) {
    if let windows {
      precondition(initial == nil, "TextMeter: windows start from an empty state")
      self.windows = WindowMeter(
        network, rule: windows.rule, length: windows.length, stride: windows.stride, precision: precision,
        scoredBytes: scoredBytes, on: pool)
    } else {
      history = PerplexityMeter(
        network, form: form, scoredBytes: scoredBytes, initial: initial, precision: precision, on: pool)
    }
  }

  package var score: Score { history?.score ?? windows?.score ?? Score() }

  /// Starts a document; see `PerplexityMeter.startDocument` and `WindowMeter.startDocument`.
  package mutating func startDocument(bos: Int32?) {
    history?.startDocument(bos: bos)
    windows?.startDocument(bos: bos)
  }

  /// Reads a token that is not scored: the BOS of a document that goes on behind the document before it.
  package mutating func goOn(after token: Int32) {
    history?.goOn(after: token)
    windows?.goOn(after: token)
  }

  /// Scores the next tokens of the document.
  package mutating func append(_ tokens: [Int32]) {
    history?.append(tokens)
    windows?.append(tokens)
  }

  /// The same for a document of which only a part is scored.
  package mutating func append(_ tokens: [Int32], unscored: [Range<Int>]) {
    history?.append(tokens, unscored: unscored)
    windows?.append(tokens, unscored: unscored)
  }

  /// Adds the size of the text that the document's tokens encode.
  package mutating func count(bytes: Int, words: Int?) {
    history?.count(bytes: bytes, words: words)
    windows?.count(bytes: bytes, words: words)
  }

  /// Scores what is left; must be called before the final `score` is read.
  package mutating func finish() {
    history?.finishSegment()
    windows?.finishDocument()
  }

  package mutating func resume(_ progress: EvaluationProgress) { history?.resume(progress) }
}
