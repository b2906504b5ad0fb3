internal import Glibc

/// What the progress line of a training run says besides its progress: `loss 3.296, 1.160 bits/byte, validation 1.492`.
struct TrainingDetail {
  private let bytesPerToken: Double
  private var averageLoss: Double?
  private var count = 0
  /// Of the evaluations so far.
  var bestBitsPerByte: Double?

  /// - Parameters:
  ///   - bytesPerToken: Of the training text.
  ///   - bestBitsPerByte: Of the evaluations of earlier processes.
  init(bytesPerToken: Double, bestBitsPerByte: Double?) {
    (self.bytesPerToken, self.bestBitsPerByte) = (bytesPerToken, bestBitsPerByte)
  }

  /// Takes in the loss of a step, in nats per token: a mean over about the last twenty is shown, for the eye.
  /// `metrics.jsonl` has the losses themselves.
  mutating func take(loss: Double) {
    count += 1
    averageLoss = (averageLoss ?? 0) + (loss - (averageLoss ?? 0)) / Double(min(count, 20))
  }

  /// What is shown, the evaluations last: they tell what the run is worth.
  var parts: [ProgressLine.Detail] {
    var parts: [ProgressLine.Detail] = []
    if let averageLoss {
      parts.append(.init("loss \(averageLoss.fixed(3))"))
      parts.append(.init("\((averageLoss / log(2) / bytesPerToken).fixed(3)) bits/byte", .minor))
    }
    if let bestBitsPerByte {
      parts.append(.init("validation \(bestBitsPerByte.fixed(3))" + (averageLoss == nil ? " bits/byte" : ""), .major))
    }
    return parts
  }
}
