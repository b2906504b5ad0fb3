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

  var text: String {
    let training = averageLoss.map { "loss \($0.fixed(3)), \(($0 / log(2) / bytesPerToken).fixed(3)) bits/byte" }
    let validation = bestBitsPerByte.map { "validation \($0.fixed(3))" + (averageLoss == nil ? " bits/byte" : "") }
    return [training, validation].compactMap(\.self).joined(separator: ", ")
  }
}
