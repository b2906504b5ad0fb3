internal import Checkpoints
internal import Configurations
package import Retention
package import Tensors

/// A model as the program of another family stores it: names, shapes, numbers and settings.
package struct ForeignExport {
  /// The kind of file that the program reads.
  package enum Container: Sendable {
    /// Hugging Face's safetensors, in shards if there is more than a limit.
    case safetensors
    /// A PyTorch file with a state dictionary.
    case torch
    /// A PyTorch file of yet-another-retnet's training script: the state dictionary beside an optimizer without state.
    case trainingCheckpoint
  }

  package let family: ForeignFamily
  package let container: Container
  /// The weights in the family's conventions, under our names.
  package let weights: WeightReader
  /// The divisor of the scores that the family's published code applies.
  package let scoreNorm: ScoreNorm
  /// The settings of the family, for `config.json`.
  package var settings: [String: ForeignSetting]
  /// What was changed without changing the function, one sentence each.
  package let changes: [String]
  /// How Python opens the folder, in lines of code.
  package let loadingCode: String
  private let names: FamilyNames
  private let buffers: [ForeignBuffer]
  /// The name that a tied head has beside that of the table; nil if the family stores the table alone.
  private let tiedHead: String?
  private let multiplied: Set<String>

  init(
    _ family: ForeignFamily, _ weights: FoldedWeights, container: Container, names: FamilyNames,
    buffers: [ForeignBuffer] = [], tiedHead: String? = nil, scoreNorm: ScoreNorm,
    settings: [String: ForeignSetting], loadingCode: String
  ) {
    (self.family, self.container, self.weights) = (family, container, weights.reader)
    (changes, multiplied) = (weights.changes, weights.multiplied)
    (self.names, self.buffers, self.scoreNorm, self.settings) = (names, buffers, scoreNorm, settings)
    self.tiedHead = weights.configuration.isHeadTied ? tiedHead : nil
    self.loadingCode = loadingCode
  }

  /// The settings as the text of `config.json`.
  package func settingsText() throws -> String { try sortedJSON(settings, isIndented: true) + "\n" }

  /// Whether a weight's numbers are products of the model's, which its format may have to round.
  package func isMultiplied(_ weight: ParameterDescription) -> Bool { multiplied.contains(weight.name) }
}

// MARK: - Writing

extension ForeignExport {
  /// Writes the weights into a folder, in one file or in shards with an index.
  ///
  /// - Parameters:
  ///   - folder: Exists.
  ///   - shardByteLimit: Bytes of tensors in a file at most, unless one tensor is larger. PyTorch files are not cut.
  ///   - format: The format of each weight.
  /// - Returns: The names of the files.
  /// - Throws: `CheckpointError`, and the errors of reading.
  package func write(
    toFolder folder: String, shardByteLimit: Int, format: (ParameterDescription) -> NumberFormat
  ) throws -> [String] {
    var sources: [String: (weight: ParameterDescription, format: NumberFormat)] = [:]
    var tensors: [TensorDescription] = []
    for weight in weights.descriptions {
      let (name, format) = (names.foreign(weight.name), format(weight))
      sources[name] = (weight, format)
      tensors.append(TensorDescription(name: name, dataType: format.dataType, shape: weight.shape.extents))
    }
    let tables = Dictionary(
      uniqueKeysWithValues: buffers.map { ($0.name, $0.content.values(weights.configuration).map { Float($0) }) })
    tensors += buffers.map { TensorDescription(name: $0.name, dataType: .f32, shape: [tables[$0.name]?.count ?? 0]) }

    func emit(_ tensor: TensorDescription, _ body: (RawSpan) throws -> Void) throws {
      if let (weight, format) = sources[tensor.name] { return try weights.tensor(weight).withBytes(in: format, body) }
      let table = tables[tensor.name] ?? []
      try Tensor(Shape(table.count), table).withBytes(in: .float32, body)
    }
    switch container {
    case .safetensors:
      // transformers 5 fills in a tied head only where the architecture says so.
      if let tiedHead, let table = tensors.first(where: { $0.name == names.foreign("embed.weight") }) {
        sources[tiedHead] = sources[table.name]
        tensors.append(TensorDescription(name: tiedHead, dataType: table.dataType, shape: table.shape))
      }
      return try SafetensorsShards(tensors, byteLimit: shardByteLimit).write(
        toFolder: folder, metadata: ["format": "pt"], bytes: emit)
    case .torch, .trainingCheckpoint:
      var root = TorchLayout.Value.weights
      if case .trainingCheckpoint = container {
        root = ["state_dict": .weights, "optimizer_state": [:], "current_step": 0, "current_epoch": 0]
      }
      let aliases = tiedHead.map { [$0: names.foreign("embed.weight")] } ?? [:]
      try TorchWriter.write(
        to: "\(folder)/model.pt", tensors: tensors, layout: TorchLayout(root: root, aliases: aliases), bytes: emit)
      return ["model.pt"]
    }
  }
}

// MARK: - Requirements

extension FoldedWeights {
  /// Refuses a model whose configuration a family cannot express.
  ///
  /// - Parameters:
  ///   - family: Named in the message.
  ///   - expected: For each key, the values that it may have.
  /// - Throws: `ModelFileError.notExpressible` with all keys that differ.
  func require(_ family: ForeignFamily, _ expected: [String: [ConfigurationValue]]) throws(ModelFileError) {
    // What every program that is written for requires, unless its family says otherwise.
    let expected = expected.merging(
      [
        "layer_types": [.text("retention")], "head_norm_bias": [.boolean(false)], "rotation_span": [.text("head")],
        "xpos_scale_base": [.null],
        "embedding_residual": [.boolean(false)], "logit_softcap": [.number(0)],
        "activation": [.text("silu"), .text("gelu"), .text("relu")],
      ]
    ) { own, _ in own }
    let problems = configuration.settings.compactMap { setting -> String? in
      guard let allowed = expected[setting.name], !allowed.contains(setting.value) else { return nil }
      return "\(setting.name) \(allowed.map(\.yaml).joined(separator: " or ")), found \(setting.value.yaml)"
    }
    guard problems.isEmpty else { throw .notExpressible(family: family, problems: problems) }
  }
}
