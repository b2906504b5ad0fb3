package import Modeling
internal import Retention
package import Tensors

/// Which tokens of a window are scored, and how they are averaged.
package enum WindowRule: String, CaseIterable, Sendable {
  /// Every token once, given those before it in the first window that holds it behind a token; so windows share at least
  /// one token.
  case sliding
  /// As the perplexity guide of Hugging Face transformers: each window counts its mean loss one token less than it has
  /// new tokens.
  case huggingFace = "hf"
  /// As llama.cpp's `perplexity`: windows do not overlap, only their second half is scored, BOS replaces the first token
  /// of each, and the last tokens that fill no window are dropped.
  case llamaCpp = "llama.cpp"
}

/// Perplexity as Transformers are evaluated: each window is read from an empty state.
///
/// Cost: window / stride times that of the full history.
package struct WindowMeter {
  package private(set) var score = Score()
  private let network: LanguageModel
  private let rule: WindowRule
  private let length: Int
  private let stride: Int
  private let precision: ProductPrecision
  private let scoredBytes: ScoredBytes
  private let pool: WorkerPool
  private var state: ModelState
  private var memory: SegmentMemory
  private let block: LossBlock
  private var bos: Int32?
  /// The tokens of the window that is open, and whether each is to be scored.
  private var tokens: [Int32] = []
  private var isScored: [Bool] = []
  /// How many of them were in the window before.
  private var oldCount = 0
  /// The document's first token, if it has no context and its bytes are not yet subtracted.
  private var unscored: Int32?

  /// - Parameters:
  ///   - network: The model.
  ///   - rule: Which tokens are scored.
  ///   - length: The tokens of a window, ≥ 2; for llama.cpp ≥ 4.
  ///   - stride: The new tokens of each window after the first, 1 to `length`; for llama.cpp `length`.
  ///   - precision: Precision of products with Float32 weights.
  ///   - scoredBytes: Counts the bytes that the scored tokens encode.
  ///   - pool: Where the work runs.
  package init(
    _ network: LanguageModel, rule: WindowRule, length: Int, stride: Int, precision: ProductPrecision,
    scoredBytes: ScoredBytes, on pool: WorkerPool
  ) {
    precondition(length >= 2 && 1...length ~= stride, "WindowMeter: windows of \(length) tokens, stride \(stride)")
    (self.network, self.rule, self.length, self.stride) = (network, rule, length, stride)
    (self.precision, self.scoredBytes, self.pool) = (precision, scoredBytes, pool)
    state = ModelState(network.configuration, batch: 1)
    memory = SegmentMemory(network, form: Self.form, on: pool)
    block = LossBlock(network, precision: precision, on: pool)
  }

  private static let form = RetentionForm.chunkwise(chunkLength: 128)

  /// Starts a document.
  ///
  /// - Parameter bos: The token before the document; nil: its first token is not scored.
  package mutating func startDocument(bos: Int32?) {
    finishDocument()
    self.bos = bos
    // Hugging Face counts it as one of the window's tokens.
    if let bos { add(bos, isScored: rule == .huggingFace) }
  }

  /// Reads the next tokens of the document.
  package mutating func append(_ tokens: [Int32]) {
    for token in tokens { read(token, isScored: true) }
  }

  /// Reads a token that is not scored: the BOS of a document that goes on behind the document before it.
  package mutating func goOn(after token: Int32) { read(token, isScored: false) }

  /// Reads the next tokens of a document of which only a part is scored, and adds the bytes that the scored tokens decode
  /// to; see `PerplexityMeter.append`. Only the sliding rule counts bytes.
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
      if rule == .sliding, isScored, !isFirst { score.bytes += scoredBytes.count(token) }
      read(token, isScored: isScored)
    }
  }

  /// Whether nothing is before the next token.
  private var isFirst: Bool { tokens.isEmpty && oldCount == 0 }

  private mutating func read(_ token: Int32, isScored: Bool) {
    if isFirst { unscored = token }
    add(token, isScored: isScored)
  }

  private mutating func add(_ token: Int32, isScored: Bool) {
    if rule == .llamaCpp, tokens.isEmpty, let bos {
      tokens.append(bos)
      self.isScored.append(false)
      return
    }
    tokens.append(token)
    self.isScored.append(isScored)
    guard tokens.count == length else { return }
    scoreWindow()
    let kept =
      switch rule {
      case .sliding: max(1, length - stride)
      case .huggingFace: length - stride
      case .llamaCpp: 0
      }
    tokens.removeFirst(length - kept)
    self.isScored.removeFirst(length - kept)
    oldCount = kept
  }

  /// Adds the size of the document's text; see `PerplexityMeter.count`. Only the sliding rule counts bytes.
  package mutating func count(bytes: Int, words: Int?) {
    guard rule == .sliding else { return }
    score.bytes += scoredBytes.count(bytes, unscored: unscored)
    score.words = score.words.flatMap { sum in words.map { sum + $0 } }
  }

  /// Scores what is left of the document; must be called before the final `score` is read.
  package mutating func finishDocument() {
    if rule != .llamaCpp, tokens.count > max(1, oldCount) { scoreWindow() }
    score.endDocument()
    (tokens, isScored, oldCount, unscored) = ([], [], 0, nil)
  }

  private mutating func scoreWindow() {
    state.clear(on: pool)
    var (nats, count) = (0.0, 0)
    let first = rule == .llamaCpp ? length / 2 + 1 : max(1, oldCount)
    for segment in (0..<tokens.count - 1).blocks(of: memory.segmentLength) {
      let normed = network.forward(
        Indices(Array(tokens[segment])), batch: 1, form: Self.form, state: &state, precision: precision,
        memory: memory.memory(for: segment.count), on: pool)
      let scored = min(max(segment.lowerBound, first - 1), segment.upperBound)..<segment.upperBound
      for places in scored.blocks(of: block.limit) {
        let targets = places.map { isScored[$0 + 1] ? tokens[$0 + 1] : -1 }
        let start = places.lowerBound - segment.lowerBound
        block.compute(start..<start + places.count, of: normed, targets: Indices(targets))
        for (row, target) in targets.enumerated() where target >= 0 {
          let loss = Double(block.losses[row])
          if rule == .sliding { score.add(loss) } else { nats += loss }
          count += 1
        }
      }
    }
    switch rule {
    case .sliding: break
    case .llamaCpp: if count > 0 { score.addWindow(nats, tokens: count) }
    case .huggingFace:
      let new = isScored[oldCount...].count { $0 }
      if count > 0, new > 1 { score.addWindow(nats / Double(count) * Double(new - 1), tokens: new - 1) }
    }
  }
}
