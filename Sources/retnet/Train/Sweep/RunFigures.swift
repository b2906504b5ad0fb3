/// The figures of a run, from the rows of its log.
package struct RunFigures: Equatable, Sendable {
  /// The lowest bits per byte of the validation text: those of the best model.
  package internal(set) var bitsPerByte: Double?
  /// The validation loss of the same evaluation, in nats per token.
  package internal(set) var validationLoss: Double?
  /// The step of that evaluation.
  package internal(set) var bestStep = 0
  /// The mean of the training losses logged in the last tenth of the steps, 100 at most; in nats per token.
  package internal(set) var trainingLoss: Double?
  /// The last step.
  package internal(set) var steps = 0
  /// The tokens per second of the steps, without evaluations and samples.
  package internal(set) var tokensPerSecond: Double?
  /// The time of the whole run.
  package internal(set) var seconds = 0.0

  /// Figures that are known.
  package init(
    bitsPerByte: Double, validationLoss: Double, trainingLoss: Double, steps: Int, tokensPerSecond: Double,
    seconds: Double
  ) {
    (self.bitsPerByte, self.validationLoss, self.trainingLoss) = (bitsPerByte, validationLoss, trainingLoss)
    (self.steps, self.tokensPerSecond, self.seconds) = (steps, tokensPerSecond, seconds)
    bestStep = steps
  }

  /// - Parameters:
  ///   - log: The path of `metrics.jsonl`.
  ///   - batchTokens: The tokens of a step.
  /// - Throws: `FileError`; the errors of a damaged log.
  init(log: String, batchTokens: Int) throws {
    var rows: [MetricsRow] = []
    try MetricsLog.read(path: log) { rows.append($0) }
    self.init(rows, batchTokens: batchTokens)
  }

  /// - Parameters:
  ///   - rows: The rows of the log, in order.
  ///   - batchTokens: The tokens of a step.
  package init(_ rows: [MetricsRow], batchTokens: Int) {
    var losses: [(step: Int, loss: Double)] = []
    // The last row, if only steps lie between it and the next row.
    var mark: (step: Int, seconds: Double)?
    var (timedSteps, timedSeconds) = (0, 0.0)
    for row in rows {
      guard let step = row.step else { continue }
      let now = row.numbers["seconds"] ?? seconds
      seconds = max(seconds, now)
      if let step = row.rewindStep {
        steps = step
        losses.removeAll { $0.step > step }
        mark = nil
        continue
      }
      steps = max(steps, step)
      if let loss = row.numbers["loss"] {
        if !row.isSkipped, loss.isFinite { losses.append((step, loss)) }
        if let mark { (timedSteps, timedSeconds) = (timedSteps + step - mark.step, timedSeconds + now - mark.seconds) }
      }
      mark = (step, now)
      if let bits = row.numbers["bits_per_byte"], bits < bitsPerByte ?? .infinity {
        (bitsPerByte, validationLoss, bestStep) = (bits, row.numbers["validation_loss"], step)
      }
    }
    let span = max(1, min(100, steps / 10))
    let last = losses.filter { $0.step > steps - span }
    let counted = last.isEmpty ? losses.suffix(1) : last[...]
    if !counted.isEmpty { trainingLoss = counted.reduce(0) { $0 + $1.loss } / Double(counted.count) }
    if timedSeconds > 0 { tokensPerSecond = Double(timedSteps * batchTokens) / timedSeconds }
  }
}
