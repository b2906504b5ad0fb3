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

/// Where the weights came from that a run began with, where its seed did not make them.
package struct InitialModel: Codable, Equatable, Sendable {
  /// As it was given.
  package let path: String
  /// Of the model (docs/CHECKPOINT.md, M9), or of foreign weights, in hexadecimal.
  package let digest: String
  /// The family of foreign weights.
  package let family: String?

  package init(path: String, digest: String, family: String? = nil) {
    (self.path, self.digest, self.family) = (path, digest, family)
  }
}
