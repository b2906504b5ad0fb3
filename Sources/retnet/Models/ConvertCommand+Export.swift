internal import Checkpoints
internal import Configurations
internal import Files
internal import Inference
internal import Modeling
internal import Retention
internal import Tensors
internal import Tokenization

/// `convert --to` writes a folder that another program loads.
extension ConvertCommand {
  /// Bytes of tensors in a file at most, the default of Hugging Face's programs.
  private static let defaultShardByteLimit = 5_000_000_000
  /// The largest RMS ratio of logits by which a divisor of the scores may change a model.
  private static let scoreNormLimit = 1e-4

  /// Writes a folder for a program.
  ///
  /// - Parameters:
  ///   - loaded: The model.
  ///   - family: The program.
  ///   - tokenizerModel: The tokenizer, which goes into the folder.
  ///   - dictionary: The `dict.txt` that says what the rows of the model stand for, if the tokenizer does not.
  ///   - expected: Logits to compare with those of the folder.
  /// - Throws: `CommandError` and the errors of reading and writing; `ExitStatus.checkFailed`.
  func export(
    _ loaded: ModelSource, to family: ForeignFamily, _ tokenizerModel: [UInt8]?, dictionary: [UInt8]? = nil,
    _ expected: ExpectedLogits?
  ) throws {
    guard var export = try family.export(loaded.reader) else {
      preconditionFailure("\(family.name) is no target of --to")
    }
    let folder = try ExportFolder(path: output)
    do {
      let format = try formats(of: loaded, export)
      try check(export.weights) { .numbers(format($0)) }
      let tokenizer = try tokenizerModel.map { try Tokenizer(model: $0, path: "\(input): tokenizer") }
      var notes = export.changes
      if let note = try scoreNormNote(loaded, export, dictionary == nil ? tokenizer : nil) { notes.append(note) }
      if dictionary != nil {
        notes.append("ids are those of fairseq's dictionary, dict.txt, and not those of tokenizer.model")
      }
      for note in notes { global.say("note: \(note)") }

      var files = try export.write(
        toFolder: folder.temporary, shardByteLimit: maxShardSize?.byteCount ?? Self.defaultShardByteLimit,
        format: format)
      let word = Self.word(export.weights.descriptions.map(format))
      files += try writeSettings(&export, loaded, tokenizer, dtype: word, to: folder)
      if let dictionary {
        try folder.write(dictionary, as: Self.dictionaryName)
        files.append(Self.dictionaryName)
      }
      let card = ModelCard(
        source: loaded, export: export, folderName: folder.path.split(separator: "/").last.map(String.init) ?? "model",
        formats: word, notes: notes, run: SavedRun(path: input), hasTokenizer: tokenizer != nil)
      try folder.write(Array(try card.text().utf8), as: "README.md")
      try folder.commit()
      let count = export.weights.descriptions.reduce(0) { $0 + $1.shape.count }
      global.say(
        "\(folder.path): \(grouped(count)) parameters in \(word), \((files + ["README.md"]).joined(separator: ", "))")
    } catch {
      folder.discard()
      throw error
    }
    if let expected {
      let written = try ModelSource(path: folder.path, scoreNorm: export.scoreNorm)
      try expected.check(
        written.reader, format: written.matrixStorage.word(written.configuration), pool: global.makePool())
    }
    if verify { try compare(loaded, withFolder: folder.path) }
  }

  /// The format of each weight: that of `--dtype`, else its own.
  ///
  /// Our files keep norm weights and biases in Float32. Where all matrices have one narrower format that holds these
  /// exactly, they get it too, as they came from it. Products of weights stay Float32.
  private func formats(
    of source: ModelSource, _ export: ForeignExport
  ) throws -> (ParameterDescription) -> NumberFormat {
    if let dtype { return { _ in dtype } }
    var formats = try source.formats()
    if case .retnet = source {
      let weights = source.reader
      let found = Set(weights.descriptions.filter(\.isMatrix).compactMap { formats[$0.name] })
      if let format = found.first, found.count == 1, format != .float32 {
        for weight in weights.descriptions where !weight.isMatrix {
          if try weights.tensor(weight).isExact(in: format) { formats[weight.name] = format }
        }
      }
    }
    return { export.isMultiplied($0) ? .float32 : formats[$0.name] ?? .float32 }
  }

  private static func word(_ formats: [NumberFormat]) -> String {
    NumberFormat.allCases.filter { formats.contains($0) }.map(\.rawValue).joined(separator: " and ")
  }

  /// Measures what the divisor of the program's scores changes; refuses more than 1e-4.
  private func scoreNormNote(
    _ source: ModelSource, _ export: ForeignExport, _ tokenizer: Tokenizer?
  ) throws -> String? {
    guard export.scoreNorm != source.configuration.scoreNorm else { return nil }
    let (ids, text) = try FormVerification.builtInIDs(256, source.configuration, tokenizer)
    let parameters = try source.reader.loadParameters()
    var changed = source.configuration
    changed.scoreNorm = export.scoreNorm
    let pool = try global.makePool()
    let logits = [source.configuration, changed].map {
      computeLogits(of: LanguageModel($0, parameters), ids, form: .parallel, on: pool)
    }
    let ratio = rmsRatio(logits[1], logits[0])
    let sentence =
      "\(export.family.name) divides scores by \(export.scoreNorm.word), this model by \(source.configuration.scoreNorm.word)"
    guard ratio <= Self.scoreNormLimit else {
      throw CommandError(
        .badData,
        "\(input): \(sentence): expected logits within a ratio of \(Self.scoreNormLimit.scientific), found \(ratio.scientific)",
        hint: "train with model.score_norm: \(export.scoreNorm.rawValue)")
    }
    return "\(sentence); its logits change by a ratio of \(ratio.scientific) (rms, \(ids.count) tokens of \(text))"
  }

  /// Writes the configuration of the program, and the tokenizer.
  ///
  /// - Returns: The names of the files.
  private func writeSettings(
    _ export: inout ForeignExport, _ source: ModelSource, _ tokenizer: Tokenizer?, dtype: String,
    to folder: ExportFolder
  ) throws -> [String] {
    let c = source.configuration
    var files = ["config.json"]
    if case .safetensors = export.container {
      let type = ["f32": "float32", "bf16": "bfloat16", "f16": "float16"][dtype] ?? "float32"
      export.settings["dtype"] = .text(type)
      let ids: [String: ForeignSetting] = [
        "bos_token_id": c.bosID.map { .integer($0) } ?? .null, "eos_token_id": c.eosID.map { .integer($0) } ?? .null,
        "pad_token_id": tokenizer?.padID.map { .integer(Int($0)) } ?? .null,
      ]
      export.settings.merge(ids) { $1 }
      var generation = ids.filter { $0.value != .null }
      generation["do_sample"] = .boolean(true)
      try folder.write(json(generation), as: "generation_config.json")
      files.append("generation_config.json")
    }
    try folder.write(Array(try export.settingsText().utf8), as: "config.json")
    guard let tokenizer else { return files }
    try folder.write(tokenizer.model, as: tokenizer.fileName)
    files.append(tokenizer.fileName)
    guard case .safetensors = export.container else { return files }
    do {
      let exported = try HuggingFaceTokenizer(tokenizer, startsWithBOS: c.startingBOS != nil)
      if !exported.hasExactScores {
        global.say(
          "note: the scores of the vocabulary are not multiples of 1/64: AutoTokenizer sums them more precisely than "
            + "SentencePiece, and may choose other pieces of the same likelihood (docs/CONVERT.md)")
      }
      for (name, bytes) in exported.files {
        try folder.write(bytes, as: name)
        files.append(name)
      }
    } catch let error as TokenizerExportError {
      global.say("warning: no tokenizer.json is written: \(error)")
    }
    return files
  }

  private func json(_ members: [String: ForeignSetting]) throws -> [UInt8] {
    Array((try sortedJSON(members, isIndented: true) + "\n").utf8)
  }

  /// Reads the folder again and compares its logits with the source's in all forms.
  private func compare(_ source: ModelSource, withFolder path: String) throws {
    let written = try ModelSource(path: path, scoreNorm: source.configuration.scoreNorm)
    let model = try source.tokenizerModel()
    let (ids, text) = try FormVerification.builtInIDs(
      128, source.configuration, model.map { try Tokenizer(model: $0, path: "\(input): tokenizer") })
    let pool = try global.makePool()
    let isExact = try written.formats().values.allSatisfy { $0 == .float32 } || source.formats() == written.formats()
    let networks = try [source, written].map { LanguageModel($0.configuration, try $0.reader.loadParameters()) }
    var lines = ["\(path) against \(input): logits of \(ids.count) tokens of \(text), rms(a - b) / rms(b)"]
    var worst = 0.0
    for form in [RetentionForm.parallel, .recurrent, .chunkwise(chunkLength: 7), .chunkwise(chunkLength: 64)] {
      let logits = networks.map { computeLogits(of: $0, ids, form: form, on: pool) }
      let ratio = rmsRatio(logits[1], logits[0])
      worst = ratio > worst || ratio.isNaN ? ratio : worst
      lines.append("  \("\(form)".padded(to: 28))\(ratio.scientific)")
    }
    let limit = ExpectedLogits.float32Limit
    lines.append(isExact ? "limit \(limit.scientific)" : "no limit, because numbers were rounded to a narrower format")
    try StandardStream.output.write(lines.joined(separator: "\n") + "\n")
    if isExact, !(worst <= limit) { throw ExitStatus.checkFailed.exit }
  }
}

extension Tensor {
  /// Whether a format holds every number exactly.
  fileprivate func isExact(in format: NumberFormat) -> Bool {
    let rounded = Tensor(shape)
    var bytes: [UInt8] = []
    withBytes(in: format) { piece in bytes += [UInt8](copying: piece) }
    bytes.withRawSpan { rounded.fill(bytes: $0, format: format) }
    return (0..<count).allSatisfy { rounded[$0] == self[$0] }
  }
}
