internal import Configurations
internal import Corpora
internal import Files
internal import Modeling
internal import Training

/// The length of the sequences that a model was trained on.
struct TrainingLength {
  /// T.
  let tokens: Int
  /// Whether sequences continued the state of those before them, so that the model saw longer contexts.
  let carriesState: Bool
  /// The configuration that says so.
  let path: String

  /// Reads it from the run folder that a model file is in; a model file itself does not record it.
  ///
  /// - Parameter model: The path of the model file. The result is nil if it is in no run folder, or if the
  ///   configuration there cannot be read.
  init?(ofModel model: String) {
    let folder = model.split(separator: "/", omittingEmptySubsequences: false).dropLast()
    let folders = [folder] + (folder.last == "checkpoints" ? [folder.dropLast()] : [])
    for folder in folders {
      let path = folder.isEmpty ? "." : folder.joined(separator: "/")
      guard SavedRun(path: path) != nil, let training = Self.training(path + "/config.yaml") else { continue }
      (tokens, carriesState) = (training.sequenceLength, training.carriesState)
      self.path = path + "/config.yaml"
      return
    }
    return nil
  }

  private static func training(_ path: String) -> TrainingConfiguration? {
    guard let bytes = try? readAll(path: path, byteLimit: ConfigurationFile.largestByteCount) else { return nil }
    var file = ConfigurationFile(bytes: bytes, path: path)
    _ = file.read("model", as: ModelConfiguration.self)
    _ = file.read("data", as: DataConfiguration.self) { _ in [] }
    let training = file.read("training", as: TrainingConfiguration.self)
    return (try? file.finish()) == nil ? nil : training
  }

  /// For people: `256 tokens`.
  var words: String { "\(grouped(tokens)) tokens" + (carriesState ? ", with the state carried on" : "") }
}
