internal import ArgumentParser
internal import Configurations
internal import Corpora
internal import Files
internal import Modeling
internal import Tokenization
internal import Training

extension ModelPreset: ExpressibleByArgument {}

/// The options that choose the model of a benchmark.
struct BenchModelOptions: ParsableArguments {
  @Option(help: ArgumentHelp("A model by name (default: reference).", valueName: "reference|retnet-1.3b"))
  var preset: ModelPreset?

  @Option(
    name: .shortWithValue("m"),
    help: ArgumentHelp("A model file, or weights of another program.", valueName: "model"), completion: .file())
  var model: String?

  @Option(
    help: ArgumentHelp("A configuration file of 'retnet train'.", valueName: "x.yaml"), completion: .file())
  var config: String?

  @Option(help: ArgumentHelp("Override a key; may be repeated.", valueName: "block.key=value"))
  var set: [String] = []

  func validate() throws {
    if [preset != nil, model != nil, config != nil].count(where: { $0 }) > 1 {
      throw ValidationError("'--preset', '--model' and '--config' cannot be used together")
    }
  }
}

/// The model that a benchmark measures, and its training configuration.
struct BenchModel {
  /// The name in the rows: the preset, or the last part of the path.
  let name: String
  let model: ModelConfiguration
  let training: TrainingConfiguration

  /// - Parameters:
  ///   - options: Which model.
  ///   - talk: Whether to print messages.
  /// - Throws: The errors of reading the file; `ConfigurationError` with all problems of the settings.
  init(_ options: BenchModelOptions, _ talk: VerbosityOptions) throws {
    if let config = options.config {
      let text = try ConfigurationText(path: config)
      let path = StreamPath.inputName(config)
      try self.init(ConfigurationFile(bytes: text.bytes, path: path, overrides: options.set), path: path)
    } else {
      let preset = options.preset ?? .reference
      let file = try options.model.map { try modelFile($0, talk, takesWeights: true) }
      let path = file ?? preset.rawValue
      let model = try file.map { try ModelSource(path: $0).configuration } ?? preset.configuration
      // Through the table of keys, as if it came from a file, so that --set means the same everywhere.
      let lines = model.yamlLines(block: "model") + Self.batch.yamlLines(block: "training")
      let settings = ConfigurationFile(
        bytes: Array(lines.joined(separator: "\n").utf8), path: path, overrides: options.set)
      try self.init(settings, path: path, needsData: false)
    }
  }

  private init(_ source: ConfigurationFile, path: String, needsData: Bool = true) throws {
    var file = source
    var model = file.read("model", as: ModelConfiguration.self).resolved
    let data: DataConfiguration? = needsData ? file.read("data") : nil
    training = file.read("training")
    try file.finish()
    if model.vocabularySize == 0, let data {
      model.vocabularySize = try Tokenizer(path: data.tokenizer).vocabularySize
    }
    guard model.vocabularySize > 0 else {
      throw CommandError(.badConfiguration, "\(path): model.vocabulary_size: expected at least 1, found 0")
    }
    self.model = model
    name = path.split(separator: "/").last.map { String($0) } ?? path
  }

  /// Eight sequences of 512 tokens, unless a file says otherwise.
  private static var batch: TrainingConfiguration {
    var training = TrainingConfiguration()
    training.sequenceLength = 512
    training.batchTokens = 8 * 512
    return training
  }
}
