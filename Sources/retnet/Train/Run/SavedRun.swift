internal import Checkpoints
internal import Configurations
internal import Corpora
internal import Files
internal import Modeling
internal import Training

/// A run folder as other commands see it, with the model to use and the progress of the run.
struct SavedRun {
  let path: String
  private let checkpoints: CheckpointFolder

  /// - Parameter path: The path of a folder. The result is nil if it is no run folder: one has a `config.yaml` and at
  ///   least one result of training.
  init?(path: String) {
    let path = path.hasSuffix("/") && path.count > 1 ? String(path.dropLast()) : path
    guard !path.isEmpty, fileExists(path: path + "/config.yaml") else { return nil }
    let marks = ["metrics.jsonl", "checkpoints", "best.safetensors", "last.safetensors"]
    guard marks.contains(where: { fileExists(path: path + "/" + $0) }) else { return nil }
    self.path = path
    checkpoints = CheckpointFolder(path: path + "/checkpoints")
  }

  /// The model to use for the run: the best one, else the last one, else that of the newest checkpoint.
  ///
  /// - Returns: Its path, and a word that says which one it is.
  /// - Throws: `CommandError` with status 66 if there is none.
  func model() throws -> (path: String, word: String) {
    for name in ["best", "last"] where fileExists(path: file(name + ".safetensors")) {
      return (file(name + ".safetensors"), "\(name) model")
    }
    if let step = try checkpoints.steps().last {
      let state = ["best", "last"].map { file($0 + ".state.safetensors") }.first { fileExists(path: $0) }
      let note = state.map { ", with the weights that the run started from; the trained state is \($0)" }
      return (checkpoints.modelPath(step: step), "newest checkpoint" + (note ?? ""))
    }
    throw CommandError(
      .inputMissing, "\(path): expected a run folder with a model, found none",
      hint: "resume it with 'retnet train --resume auto -o \(path)'")
  }

  /// The entries that `info` prints.
  ///
  /// - Throws: The errors of `config.yaml`; `FileError`.
  func members() throws -> [(String, JSONValue)] {
    let text = try readAll(path: file("config.yaml"), byteLimit: ConfigurationFile.largestByteCount)
    var configuration = ConfigurationFile(bytes: text, path: file("config.yaml"))
    _ = configuration.read("model", as: ModelConfiguration.self)
    let data = configuration.read("data", as: DataConfiguration.self) { _ in [] }
    let training = configuration.read("training", as: TrainingConfiguration.self)
    try configuration.finish()
    let log = try RunLog(path: file("metrics.jsonl"))
    let saved = try checkpoints.steps()
    let step = max(log.step, saved.last ?? 0)
    let isEarly = training.patience > 0 && log.evaluationsSinceBest >= training.patience
    let isComplete = step >= training.steps || isEarly
    let results = ["best", "last"].flatMap { [$0 + ".safetensors", $0 + ".state.safetensors"] }.map(file)
      .filter { fileExists(path: $0) }
    func number(_ value: Double?) -> JSONValue { value.map { .number($0) } ?? .null }
    let begun = String(decoding: text, as: UTF8.self).split(separator: "\n").first.flatMap {
      $0.hasPrefix("# begun with ") ? JSONValue.text(String($0.dropFirst("# begun with ".count))) : nil
    }
    return [
      ("kind", .text("run")), ("folder", .text(path)), ("step", .integer(step)), ("steps", .integer(training.steps)),
      ("complete", .boolean(isComplete)), ("stopped_early", .boolean(isEarly && step < training.steps)),
      ("training_loss", number(log.loss)), ("validation_loss", number(log.validationLoss)),
      ("bits_per_byte", number(log.bitsPerByte)), ("best_step", log.bestStep.map { .integer($0) } ?? .null),
      ("best_bits_per_byte", number(log.bestBitsPerByte)), ("evaluations", .integer(log.evaluations)),
      ("skipped_steps", .integer(log.skipped)), ("rewinds", .integer(log.rewinds)), ("seconds", number(log.seconds)),
      ("begun_with", begun ?? .null),
      ("train", .list(data.train.entries.map { .text($0.path) })),
      ("validation", data.validation.isEmpty ? .null : .text(data.validation)),
      ("models", .list(results.map { .text($0) })),
      ("checkpoints", .list(saved.map { .text(checkpoints.modelPath(step: $0)) })),
      ("resume", isComplete || saved.isEmpty ? .null : .text("retnet train --resume auto -o \(path)")),
    ]
  }

  private func file(_ name: String) -> String { path + "/" + name }
}

/// The model file that a path stands for: the model of a run folder (which is printed), or the path itself.
///
/// - Parameters:
///   - path: The path as given by the user.
///   - talk: Whether to print messages.
///   - takesWeights: Whether weights of other programs are accepted, and with them a folder.
/// - Returns: The path of a file, or of a folder with weights of another program.
/// - Throws: `CommandError` for a run folder without a model, and for any other folder; `FileError`.
func modelFile(_ path: String, _ talk: VerbosityOptions, takesWeights: Bool = false) throws -> String {
  guard let run = SavedRun(path: path) else {
    if !takesWeights, isFolder(path: path) { throw try CommandError(notAModel: path) }
    return path
  }
  let (file, word) = try run.model()
  talk.say("\(run.path): a run folder; using \(file), its \(word)")
  return file
}

extension CommandError {
  /// The error for a folder given as a model file; the hint names what in it can be used.
  fileprivate init(notAModel folder: String) throws {
    let names = try namesInFolder(path: folder)
    let hint: String? =
      if names.contains(where: WeightsFile.folderNames.contains) {
        "convert the weights in it to a model file: retnet convert \(folder) -o model.safetensors"
      } else if let step = try CheckpointFolder(path: folder).steps().last {
        "name one of its models: \(CheckpointFolder(path: folder).modelPath(step: step))"
      } else {
        names.last { $0.hasSuffix(".safetensors") }.map { "name one of its files, such as \(folder)/\($0)" }
      }
    self.init(.inputMissing, "\(folder): expected a model file or a run folder, found another folder", hint: hint)
  }
}

/// Summary of a run's log.
private struct RunLog {
  private(set) var step = 0
  private(set) var seconds: Double?
  /// The loss in the last line that has one.
  private(set) var loss: Double?
  /// The loss of the last evaluation.
  private(set) var validationLoss: Double?
  private(set) var bitsPerByte: Double?
  private(set) var bestBitsPerByte: Double?
  private(set) var bestStep: Int?
  private(set) var evaluations = 0
  private(set) var evaluationsSinceBest = 0
  private(set) var skipped = 0
  private(set) var rewinds = 0

  /// - Parameter path: The path of `metrics.jsonl`, which may be missing.
  /// - Throws: `FileError`.
  init(path: String) throws {
    guard fileExists(path: path) else { return }
    var log = self
    try MetricsLog.read(path: path) { log.take($0) }
    self = log
  }

  private mutating func take(_ row: MetricsRow) {
    guard let rowStep = row.step else { return }
    seconds = row.numbers["seconds"] ?? seconds
    step = row.rewindStep ?? rowStep
    if row.rewindStep != nil { rewinds += 1 }
    if row.isSkipped { skipped += 1 } else if let found = row.numbers["loss"] { loss = found }
    guard let found = row.numbers["validation_loss"] else { return }
    (validationLoss, bitsPerByte) = (found, row.numbers["bits_per_byte"])
    evaluations += 1
    if let bits = bitsPerByte, bits < bestBitsPerByte ?? .infinity {
      (bestBitsPerByte, bestStep, evaluationsSinceBest) = (bits, rowStep, 0)
    } else {
      evaluationsSinceBest += 1
    }
  }
}
