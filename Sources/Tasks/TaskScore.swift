internal import Glibc

/// How likely an option is.
package struct OptionScore: Equatable, Sendable {
  /// Σ ln p of the continuation's tokens.
  package let logLikelihood: Double
  /// Whether each of them is the most likely one.
  package let isGreedy: Bool

  package init(logLikelihood: Double, isGreedy: Bool) {
    (self.logLikelihood, self.isGreedy) = (logLikelihood, isGreedy)
  }
}

/// A figure of a task with its standard error.
package struct TaskFigure: Equatable, Sendable {
  package let metric: TaskMetric
  package let value: Double
  /// nil: not known.
  package let standardError: Double?
}

/// The figures of a task, computed from the scores of its questions.
package struct TaskScore: Sendable {
  private let task: Task
  /// For each metric a value of each question.
  private var values: [TaskMetric: [Double]] = [:]
  private var (nats, words, bytes) = (0.0, 0, 0)
  private var chances = 0.0
  /// The number of questions.
  package private(set) var count = 0

  package init(_ task: Task) { self.task = task }

  /// Adds a question.
  ///
  /// - Parameters:
  ///   - question: The question.
  ///   - scores: A score for each of its options.
  /// - Returns: What it adds to each metric.
  @discardableResult
  package mutating func add(_ question: TaskQuestion, _ scores: [OptionScore]) -> [TaskMetric: Double] {
    var added: [TaskMetric: Double] = [:]
    let likelihoods = scores.map(\.logLikelihood)
    for metric in task.metrics {
      switch (metric, task.kind) {
      case (.acc, .lastWord): added[metric] = scores[0].isGreedy ? 1 : 0
      case (.acc, _): added[metric] = isRight(question, likelihoods)
      case (.accNorm, _):
        added[metric] = isRight(question, zip(likelihoods, question.options).map { $0 / Double($1.choice.scalarCount) })
      case (.accBytes, _):
        added[metric] = isRight(question, zip(likelihoods, question.options).map { $0 / Double($1.choice.byteCount) })
      case (.perplexity, _): added[metric] = likelihoods[0]
      case (.wordPerplexity, _), (.bytePerplexity, _), (.bitsPerByte, _): break
      }
    }
    for (metric, value) in added { values[metric, default: []].append(value) }
    if task.kind == .rolling {
      nats -= likelihoods[0]
      words += question.options[0].choice.wordCount
      bytes += question.options[0].choice.byteCount
    }
    chances += 1 / Double(question.options.count)
    count += 1
    return added
  }

  /// 1 if the highest number is that of the right option; among equals, the first one counts.
  private func isRight(_ question: TaskQuestion, _ numbers: [Double]) -> Double {
    let best = numbers.indices.reduce(0) { numbers[$1] > numbers[$0] ? $1 : $0 }
    return best == question.gold ? 1 : 0
  }

  /// The accuracy of guessing; nil if there is nothing to choose.
  package var chance: Double? { task.kind == .choice && count > 0 ? chances / Double(count) : nil }

  /// The figures, in the order of the task's metrics.
  ///
  /// - Parameters:
  ///   - resamples: How many resamples estimate the standard error of a perplexity; the harness has 100,000.
  ///   - shouldStop: Called before each resample, which takes as many random numbers as there are questions.
  /// - Returns: A figure for each metric; none without questions; nil if it was stopped.
  package func figures(resamples: Int, shouldStop: () -> Bool = { false }) -> [TaskFigure]? {
    guard count > 0 else { return [] }
    var figures: [TaskFigure] = []
    for metric in task.metrics {
      var error: Double?
      if metric == .perplexity, count > 1, resamples > 0 {
        error = perplexityStandardError(values[metric] ?? [], resamples, shouldStop)
        if error == nil { return nil }
      }
      figures.append(figure(metric, perplexityError: error))
    }
    return figures
  }

  private func figure(_ metric: TaskMetric, perplexityError: Double?) -> TaskFigure {
    let values = values[metric] ?? []
    switch metric {
    case .acc, .accNorm, .accBytes:
      return TaskFigure(metric: metric, value: mean(values), standardError: standardErrorOfMean(values))
    case .perplexity: return TaskFigure(metric: metric, value: exp(-mean(values)), standardError: perplexityError)
    case .wordPerplexity: return TaskFigure(metric: metric, value: exp(nats / Double(words)), standardError: nil)
    case .bytePerplexity: return TaskFigure(metric: metric, value: exp(nats / Double(bytes)), standardError: nil)
    case .bitsPerByte: return TaskFigure(metric: metric, value: nats / Double(bytes) / log(2), standardError: nil)
    }
  }
}

private func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }

private func sampleDeviation(_ values: [Double]) -> Double {
  let mean = mean(values)
  return (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count - 1)).squareRoot()
}

private func standardErrorOfMean(_ values: [Double]) -> Double? {
  values.count > 1 ? sampleDeviation(values) / Double(values.count).squareRoot() : nil
}

/// The deviation of the perplexity over resamples with replacement, drawn as the harness draws them: in blocks of up to
/// 1,000, each with the generator of its number. nil if it was stopped.
private func perplexityStandardError(
  _ values: [Double], _ resamples: Int, _ shouldStop: () -> Bool
) -> Double? {
  let blockSize = min(1000, resamples)
  var perplexities: [Double] = []
  for block in 0..<resamples / blockSize {
    var random = MersenneTwister(seed: UInt64(block))
    for _ in 0..<blockSize {
      if shouldStop() { return nil }
      var sum = 0.0
      for _ in values { sum += values[Int(random.unit() * Double(values.count))] }
      perplexities.append(exp(-sum / Double(values.count)))
    }
  }
  return sampleDeviation(perplexities)
}

extension TaskText {
  /// Code points; of ids their number.
  fileprivate var scalarCount: Int {
    switch self {
    case .text(let text): text.scalarCount
    case .ids(let ids): ids.count
    }
  }

  /// Bytes of UTF-8; of ids their number.
  fileprivate var byteCount: Int {
    switch self {
    case .text(let text): text.utf8.count
    case .ids(let ids): ids.count
    }
  }

  /// `len(re.split(r"\s+", text))`: one more than there are runs of white space.
  fileprivate var wordCount: Int {
    switch self {
    case .text(let text): text.spaceRunCount + 1
    case .ids(let ids): ids.count
    }
  }
}
