internal import Configurations
internal import Corpora
internal import Files
internal import Modeling
internal import Training

/// One run of a sweep: a value for each key, and a seed.
struct SweepRun {
  /// The index of its values among the combinations.
  let combination: Int
  let seed: Int
  /// The name of its folder: `learning_rate=0.003,seed=1`.
  let name: String
  /// What it sets on top of the configuration, as `--set` would.
  let settings: [String]
}

/// What the runs of one combination of values have in common, checked before anything runs.
struct SweepCombination {
  /// A value for each key of the sweep.
  let values: [SweepValue]
  let model: ModelConfiguration
  let data: DataConfiguration
  /// The settings of the run with the first seed.
  let training: TrainingConfiguration
  let initial: InitialModel?
  let dataDigests: [String: String]
  /// The files named in the block `data`.
  let dataFiles: CommandFiles
  /// Warnings about the configuration.
  let remarks: [String]
  /// The number of parameters.
  let parameterCount: Int

  init(_ values: [SweepValue], _ plan: TrainingPlan) {
    self.values = values
    (model, data, training, initial) = (plan.model, plan.data.withAbsolutePaths, plan.training, plan.initial)
    (dataDigests, dataFiles, remarks) = (plan.dataDigests, plan.dataFiles, plan.remarks)
    parameterCount = plan.parameterCount
  }

  /// The work of a run, in products of tokens and parameters: what its time grows with.
  var work: Double { Double(training.steps) * Double(training.batchTokens) * Double(parameterCount) }

  /// Throws if the folder of a run has a run of another configuration.
  ///
  /// - Parameters:
  ///   - folder: The path of the folder, which may not exist yet.
  ///   - seed: The seed of the run.
  /// - Throws: `CommandError` with status 78 that names the first key that differs; the errors of `config.yaml`.
  func check(folder: String, seed: Int) throws {
    let path = folder + "/config.yaml"
    guard fileExists(path: path) else { return }
    let bytes = try readAll(path: path, byteLimit: ConfigurationFile.largestByteCount)
    var file = ConfigurationFile(bytes: bytes, path: path)
    let blocks: [(String, [(name: String, value: ConfigurationValue)], [(name: String, value: ConfigurationValue)])] = [
      ("model", file.read("model", as: ModelConfiguration.self) { _ in [] }.settings, model.settings),
      ("data", file.read("data", as: DataConfiguration.self) { _ in [] }.settings, data.settings),
      (
        "training", file.read("training", as: TrainingConfiguration.self) { _ in [] }.settings,
        training.withSeed(seed).settings
      ),
    ]
    try file.finish()
    for (block, before, now) in blocks {
      for (old, new) in zip(before, now) where old.value != new.value {
        throw Self.refusal(folder, "\(block).\(old.name)", old.value.yaml, new.value.yaml)
      }
    }
    let line = String(decoding: bytes, as: UTF8.self).prefix { $0 != "\n" }
    let digest = line.hasPrefix("# begun with ") ? String(line.split(separator: " ").last ?? "") : nil
    if digest != initial?.digest {
      throw Self.refusal(folder, "--init-from", digest ?? "no model", initial?.digest ?? "no model")
    }
  }

  /// Throws if the files of the block `data` have changed since a run was recorded.
  func check(folder: String, digests: [String: String]) throws {
    for (key, digest) in dataDigests.sorted(by: { $0.key < $1.key }) {
      guard let before = digests[key], before != digest else { continue }
      throw Self.refusal(folder, "data.\(key)", "the digest \(before)", digest)
    }
  }

  private static func refusal(_ folder: String, _ key: String, _ before: String, _ now: String) -> CommandError {
    CommandError(
      .badConfiguration, "\(folder): \(key): expected \(before), as when the sweep began, found \(now)",
      hint: "sweep in another folder with -o, or move this one away")
  }
}

extension TrainingConfiguration {
  fileprivate func withSeed(_ seed: Int) -> TrainingConfiguration {
    var training = self
    training.seed = seed
    return training
  }
}
