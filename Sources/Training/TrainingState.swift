/// What stands beside a checkpoint's model: progress, and what the run was made with.
package struct TrainingState: Sendable, Equatable {
  package var configuration: TrainingConfiguration
  package var progress: TrainingProgress
  /// What was read, by name: SHA-256 digests of the training ids, the validation ids, the tokenizer; settings.
  package var data: [String: String]
  /// What the bits depend on besides: thread count, BLAS core, CPU features.
  package var machine: [String: String]
  /// Where the first weights came from; nil: the seed made them.
  package var initial: InitialModel?
  /// The digest of the file that the best evaluation has left: one of later steps is told from it.
  package var bestDigest: String?
  /// Lines of the log of metrics so far.
  package var metricsLines: Int
  /// Time spent so far; the only thing that two equal runs differ in.
  package var seconds: Double

  package init(
    configuration: TrainingConfiguration, progress: TrainingProgress, data: [String: String],
    machine: [String: String], initial: InitialModel? = nil, bestDigest: String? = nil, metricsLines: Int,
    seconds: Double
  ) {
    self.configuration = configuration
    self.progress = progress
    self.data = data
    self.machine = machine
    self.initial = initial
    self.bestDigest = bestDigest
    self.metricsLines = metricsLines
    self.seconds = seconds
  }
}
