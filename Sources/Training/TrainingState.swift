/// The training state of a checkpoint, without its tensors: progress, configuration, and what the run depends on.
package struct TrainingState: Sendable, Equatable {
  package var configuration: TrainingConfiguration
  package var progress: TrainingProgress
  /// The data of the run, by name: SHA-256 digests of training ids, validation ids and tokenizer, and settings.
  package var data: [String: String]
  /// The machine: BLAS core and CPU features, on which the bits depend, and the thread count, on which they do not.
  package var machine: [String: String]
  /// The model that the run started from; nil: random weights from the seed.
  package var initial: InitialModel?
  /// The digest of the best evaluation's file, to detect a file that was written by later steps.
  package var bestDigest: String?
  /// The number of lines in the log of metrics.
  package var metricsLines: Int
  /// The time spent so far, the only value in which two equal runs differ.
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

/// The model that a run started from instead of random weights.
package struct InitialModel: Codable, Equatable, Sendable {
  /// The path as given.
  package let path: String
  /// The digest of the model (docs/CHECKPOINT.md, M9) or of the foreign weights, in hexadecimal.
  package let digest: String
  /// The family of foreign weights; nil for a model file.
  package let family: String?

  package init(path: String, digest: String, family: String? = nil) {
    (self.path, self.digest, self.family) = (path, digest, family)
  }
}
