internal import Glibc

/// The losses in the progress line of a training run: `loss 3.296, 1.160 bits/byte, validation 1.492`.
struct TrainingDetail {
  private let bytesPerToken: Double
  private var averageLoss: Double?
  private var count = 0
  /// The best score of the evaluations so far.
  var bestBitsPerByte: Double?
  /// The score of the averaged weights in the last evaluation by this process.
  var averagedBitsPerByte: Double?

  /// - Parameters:
  ///   - bytesPerToken: The bytes per token of the training text.
  ///   - bestBitsPerByte: The best score of evaluations by earlier processes.
  init(bytesPerToken: Double, bestBitsPerByte: Double?) {
    (self.bytesPerToken, self.bestBitsPerByte) = (bytesPerToken, bestBitsPerByte)
  }

  /// Adds the loss of a step, in nats per token. A mean over about the last twenty steps is shown; `metrics.jsonl` has
  /// the single losses.
  mutating func take(loss: Double) {
    count += 1
    averageLoss = (averageLoss ?? 0) + (loss - (averageLoss ?? 0)) / Double(min(count, 20))
  }

  /// The parts of the line. Evaluations come last because they matter most.
  var parts: [ProgressLine.Detail] {
    var parts: [ProgressLine.Detail] = []
    if let averageLoss {
      parts.append(.init("loss \(averageLoss.fixed(3))"))
      parts.append(.init("\((averageLoss / log(2) / bytesPerToken).fixed(3)) bits/byte", .minor))
    }
    if let bestBitsPerByte {
      parts.append(.init("validation \(bestBitsPerByte.fixed(3))" + (averageLoss == nil ? " bits/byte" : ""), .major))
    }
    if let averagedBitsPerByte { parts.append(.init("average \(averagedBitsPerByte.fixed(3))", .major)) }
    return parts
  }
}
