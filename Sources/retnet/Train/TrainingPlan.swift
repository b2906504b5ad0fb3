internal import Configurations
internal import Corpora
internal import Files
internal import Modeling
internal import Retention
internal import Tensors
internal import Tokenization
internal import Training

/// The bytes of a configuration file. They are read once, because standard input cannot be read again.
struct ConfigurationText {
  /// The path as given; `-` is standard input.
  let path: String
  let bytes: [UInt8]

  init(path: String, bytes: [UInt8]) { (self.path, self.bytes) = (path, bytes) }

  init(path: String) throws {
    self.path = path
    try FileRole.configuration.check(path)
    bytes = try readAll(path: path, byteLimit: ConfigurationFile.largestByteCount)
  }
}

/// A run as described by the configuration file and the files that it names: all checked, nothing started.
struct TrainingPlan {
  /// The path of the configuration file.
  let path: String
  /// The file's name without `.yaml`.
  let name: String
  let model: ModelConfiguration
  let data: DataConfiguration
  /// The files named in the block `data`.
  let dataFiles: CommandFiles
  let training: TrainingConfiguration
  let tokenizer: Tokenizer
  let trainFiles: [TrainingFile]
  let validationFile: TokenFile?
  let batches: Batches
  /// How the conversations of the files were written; nil without such.
  let chatTemplate: ChatTemplate?
  /// Where the initial weights come from; nil: random initialisation from the seed.
  var initial: InitialModel?

  /// - Parameters:
  ///   - text: The configuration file.
  ///   - overrides: The values of `--set`.
  ///   - swept: What a sweep sets on top of them.
  ///   - start: The model that the run starts from; it supplies the keys of the block `model` that are left out.
  /// - Throws: All problems of the file and of the files that it names; then any conflicts between them.
  init(_ text: ConfigurationText, overrides: [String], swept: [String] = [], start: StartingModel? = nil) throws {
    let path = StreamPath.inputName(text.path)
    self.path = path
    name = Self.name(ofPath: text.path)
    initial = start?.record
    var file = ConfigurationFile(bytes: text.bytes, path: path, overrides: overrides, swept: swept)
    let model = file.read("model", defaults: start?.configuration ?? ModelConfiguration()) {
      start?.objections(to: $0) ?? $0.contradictions
    }.resolved
    let data = file.read("data", as: DataConfiguration.self) {
      $0.contradictions.filter { start?.tokenizer == nil || $0.key != "tokenizer" }
    }
    let training = file.read("training", as: TrainingConfiguration.self).resolved
    (self.data, self.training) = (data, training)
    dataFiles = CommandFiles().reading("data.tokenizer", [data.tokenizer].filter { !$0.isEmpty })
      .reading("data.validation", [data.validation].filter { !$0.isEmpty })
      .reading("data.train", data.train.entries.map(\.path).filter { !$0.isEmpty })
    try dataFiles.reading("--config", text.path).checkLate()

    var errors = CommandErrors()
    _ = errors.catching { try file.finish() }
    let hasTokenizer = !data.tokenizer.isEmpty || !file.hasProblem(in: "data") && start?.tokenizer != nil
    let tokenizer =
      !hasTokenizer
      ? nil
      : errors.catching {
        try Self.opening("tokenizer", in: path) {
          try start?.tokenizer(data.tokenizer) ?? Tokenizer(path: data.tokenizer)
        }
      }
    let named = data.train.entries.map { ("train", $0.path) } + [("validation", data.validation)]
    let files = named.map { key, file in
      file.isEmpty ? nil : errors.catching { try Self.opening(key, in: path) { try TokenFile(path: file) } }
    }
    guard let tokenizer else { try errors.throwAll(); preconditionFailure("no tokenizer and no error") }
    for file in files { _ = errors.catching { if let file { try checkDigest(of: file, tokenizer) } } }
    // A refused key has its default, so further checks of it would mislead.
    if file.hasProblem(in: "model") { try errors.throwAll() }
    let completed = Self.completed(model, tokenizer, path: path, errors: &errors)
    for problem in training.patternProblems(for: completed) {
      _ = errors.catching { throw CommandError(.badConfiguration, "\(path): training.\(problem)") }
    }
    let placement = errors.catching { try Self.placement(completed, tokenizer) }
    if let longest = completed.rotation.longestCall, training.sequenceLength > longest {
      _ = errors.catching {
        throw CommandError(
          .badConfiguration,
          "\(path): training.sequence_length: expected at most \(longest), as model.xpos_scale_base is "
            + "\(completed.xposScaleBase ?? 0), found \(training.sequenceLength)")
      }
    }
    if training.tunesState {
      for problem in StartingModel.tuningProblems(start, completed) {
        _ = errors.catching { throw CommandError(.badConfiguration, "\(path): training.\(problem)") }
      }
    }
    if training.carriesState, !completed.hasFixedStates {
      _ = errors.catching {
        throw CommandError(
          .badConfiguration,
          "\(path): training.carry_state: expected layers with states of fixed size, found attention")
      }
    }
    if training.carriesState, !file.hasProblem(in: "training"), training.batchSize < data.train.entries.count {
      _ = errors.catching {
        throw CommandError(
          .badConfiguration,
          "\(path): training.batch_tokens: expected a row for each of \(data.train.entries.count) files, as "
            + "carry_state is true, found \(training.batchSize) rows")
      }
    }
    try errors.throwAll()
    let trainFiles = zip(files, data.train.entries).compactMap { file, entry in
      file.map { TrainingFile($0, weight: entry.weight) }
    }
    guard !trainFiles.isEmpty, let placement else { try errors.throwAll(); preconditionFailure("no error") }
    let batches = errors.catching {
      try Batches(
        trainFiles, batchSize: training.batchSize, sequenceLength: training.sequenceLength, bos: placement,
        boundary: data.documents, areStreams: training.carriesState, seed: UInt64(training.seed))
    }
    try errors.throwAll()
    guard let batches else { preconditionFailure("no batches and no error") }
    chatTemplate = try Self.chatTemplate(of: trainFiles.map(\.file)) ?? start?.chatTemplate

    self.model = completed
    (self.tokenizer, self.trainFiles, self.batches) = (tokenizer, trainFiles, batches)
    validationFile = files[files.count - 1]
  }

  /// The chat template of the token files; nil without conversations.
  private static func chatTemplate(of files: [TokenFile]) throws -> ChatTemplate? {
    var found: (template: ChatTemplate, path: String)?
    for file in files {
      guard let json = try file.chatTemplate() else { continue }
      let template: ChatTemplate
      do {
        template = try ChatTemplate(json: json)
      } catch {
        throw CommandError(.badData, "\(file.path): \(error)")
      }
      if let found, found.template != template {
        throw CommandError(
          .badData, "\(file.path): expected the chat template of \(found.path), found another",
          hint: "pack the conversations of a run with one --chat-template")
      }
      found = (template, file.path)
    }
    return found?.template
  }

  /// Opens a file named by a key of the block `data`; the error for a missing file names the key.
  private static func opening<File>(_ key: String, in path: String, _ open: () throws -> File) throws -> File {
    do {
      return try open()
    } catch {
      guard case FileError.missing = error, let known = CommandError(error) else { throw error }
      throw CommandError(
        known.status, "\(path): data.\(key): \(known.message)", hint: "a relative path starts at the current folder")
    }
  }

  /// The file's name without `.yaml`.
  static func name(ofPath path: String) -> String {
    let name = path.split(separator: "/").last.map { String($0) } ?? "run"
    return name.hasSuffix(".yaml") ? String(name.dropLast(5)) : name
  }

  /// The model configuration completed by the tokenizer.
  private static func completed(
    _ model: ModelConfiguration, _ tokenizer: Tokenizer, path: String, errors: inout CommandErrors
  ) -> ModelConfiguration {
    var model = model
    if model.vocabularySize == 0 { model.vocabularySize = tokenizer.vocabularySize }
    model.bosID = model.bosID ?? tokenizer.bosID.map { Int($0) }
    model.eosID = model.eosID ?? tokenizer.eosID.map { Int($0) }
    var problems = model.contradictions
    if model.vocabularySize < tokenizer.vocabularySize {
      problems.append(
        (
          "vocabulary_size",
          "expected at least \(tokenizer.vocabularySize), the size of \(tokenizer.path), found \(model.vocabularySize)"
        ))
    }
    for (key, message) in problems {
      _ = errors.catching { throw CommandError(.badConfiguration, "\(path): model.\(key): \(message)") }
    }
    return model
  }

  private static func placement(_ model: ModelConfiguration, _ tokenizer: Tokenizer) throws -> BOSPlacement {
    guard model.bos != .none else { return .none }
    guard let id = model.bosID else {
      throw CommandError(
        .badConfiguration, "\(tokenizer.path): expected a BOS token, as model.bos is \(model.bos.rawValue), found none",
        hint: "set model.bos: none")
    }
    return model.bos == .sequence ? .sequence(bosID: Int32(id)) : .document(bosID: Int32(id))
  }

  /// The token files that are read during the run.
  var tokenPaths: [String] { trainFiles.map(\.file.path) + (validationFile.map { [$0.path] } ?? []) }

  var parameterCount: Int { Parameters.descriptions(model).reduce(0) { $0 + $1.shape.count } }

  /// The number of trained weights; the others are frozen.
  var trainedCount: Int { Parameters.descriptions(model).filter(training.trains).reduce(0) { $0 + $1.shape.count } }

  /// The resolved configuration as YAML, with a comment that names the starting model. Its paths are absolute, so that
  /// it has the same meaning in every working directory.
  var configurationText: String {
    (initial.map {
      let path = absolutePath($0.path).split(whereSeparator: \.isNewline).joined(separator: " ")
      return "# begun with \(path), digest \($0.digest)\n"
    } ?? "") + blocksText
  }

  private var blocksText: String {
    let blocks = [
      model.yamlLines(block: "model"), data.withAbsolutePaths.yamlLines(block: "data"),
      training.yamlLines(block: "training"),
    ]
    return blocks.map { $0.joined(separator: "\n") + "\n" }.joined(separator: "\n")
  }

  /// Lines that summarise the run: data, size, steps.
  var summary: [String] {
    let tokens = training.steps * training.batchTokens
    let shares = trainFiles.indices.map { index in
      let (file, steps) = (trainFiles[index].file, training.steps)
      let share = Double(batches.idsRead(ofFile: index, afterBatches: steps)) / Double(tokens)
      let part = trainFiles.count == 1 ? "" : "\(file.path), \((100 * share).fixed(1)) %: "
      return
        "\(part)\(grouped(file.count)) tokens of text, \(batches.epochs(ofFile: index, afterBatches: steps).fixed(2)) epochs"
    }
    let size =
      "\(grouped(parameterCount)) parameters: width \(model.width), \(model.mixerWords), feed-forward "
      + "\(model.feedForwardWidth), vocabulary \(grouped(model.vocabularySize))"
    let frozen = parameterCount - trainedCount
    let numbers = InitialState.descriptions(model).reduce(0) { $0 + $1.shape.count }
    let choice =
      training.tunesState
      ? ["\(grouped(numbers)) numbers of an initial state are trained, all weights are frozen"]
      : frozen == 0
        ? [] : ["\(grouped(trainedCount)) of them are trained, \(grouped(frozen)) are frozen"]
    let steps =
      "\(grouped(training.steps)) steps of \(training.batchSize) × \(training.sequenceLength) tokens, "
      + "\(grouped(tokens)) in all; seed \(training.seed)"
    return [size] + choice + [steps] + shares
  }

  /// The bytes of text per token that the run reads.
  var bytesPerToken: Double {
    let tokens = trainFiles.indices.map { Double(batches.idsRead(ofFile: $0, afterBatches: training.steps)) }
    let bytes = zip(tokens, trainFiles).map { $0 * Double($1.file.totalBytes) / Double($1.file.count) }
    return bytes.reduce(0, +) / tokens.reduce(0, +)
  }

  /// Warnings about a configuration that may not be what was meant.
  var remarks: [String] {
    [
      memoryWarning.map { "warning: " + $0 },
      evaluationWarning.map { "warning: " + $0 },
      model.scoreNormNote("training and its evaluations leave it out"),
    ].compactMap(\.self)
  }

  /// A warning if no head's memory is as long as a training sequence.
  private var memoryWarning: String? {
    // Attention sees the whole sequence.
    guard model.presentTypes.contains(.retention), !model.presentTypes.contains(.attention) else { return nil }
    let halfLife = Decay(model.decay, heads: model.heads).longestHalfLife
    guard halfLife < Double(training.sequenceLength) else { return nil }
    // The other decay schedules reach as far with any number of heads.
    let advice = model.decay == .powers ? "; more heads reach further" : ""
    return "the slowest of \(model.heads) heads forgets half in \(grouped(Int(halfLife.rounded()))) tokens, "
      + "less than the training sequence of \(grouped(training.sequenceLength))\(advice)"
  }

  /// A warning about keys that depend on evaluations, if there are none.
  private var evaluationWarning: String? {
    if validationFile == nil, training.evaluateEvery > 0 {
      return "training.evaluate_every is \(training.evaluateEvery), but without data.validation nothing is evaluated"
    }
    guard training.patience > 0, training.evaluateEvery == 0 else { return nil }
    return "training.patience is \(training.patience), but without training.evaluate_every only the end is evaluated"
  }

  /// The output of `--dry-run`: a configuration file with comments.
  var text: String {
    (summary + remarks).map { "# \($0)\n" }.joined() + "\n" + configurationText
  }
}
