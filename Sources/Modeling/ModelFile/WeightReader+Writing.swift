internal import Checkpoints
internal import Configurations
package import Files
internal import Tensors

extension LanguageModel {
  /// Writes a model file, as `WeightReader.write` does.
  @discardableResult
  package func write(
    to path: String, storage: MatrixStorage = .numbers(.float32), provenance: Provenance, tokenizer: [UInt8]?
  ) throws -> SHA256Digest {
    try WeightReader(self).write(to: path, storage: storage, provenance: provenance, tokenizer: tokenizer)
  }
}

extension WeightReader {
  /// Writes a model file atomically: weights, configuration, provenance, tokenizer (docs/CHECKPOINT.md).
  ///
  /// Each weight is read twice, for the digest and for the file, and only one is in memory at a time.
  ///
  /// - Parameters:
  ///   - path: Replaced once the whole file is on disk.
  ///   - storage: Storage of the matrices; norm weights and biases stay Float32.
  ///   - provenance: Where the model comes from.
  ///   - tokenizer: The `.model` bytes, or nil for none.
  /// - Returns: The model's digest.
  /// - Throws: `CheckpointError` if the file cannot be written, and the errors of reading; an old file is then
  ///   unchanged.
  @discardableResult
  package func write(
    to path: String, storage: MatrixStorage, provenance: Provenance, tokenizer: [UInt8]?
  ) throws -> SHA256Digest {
    let tokenizerTensor = tokenizer.map {
      TensorDescription(name: ModelHeader.tokenizerName, dataType: .u8, shape: [$0.count])
    }
    var stored: [String: (weight: ParameterDescription, storage: StoredWeight)] = [:]
    var tensors = tokenizerTensor.map { [$0] } ?? []
    for weight in descriptions {
      let storage = storage.storage(of: weight)
      for tensor in storage.tensors(name: weight.name, shape: weight.shape) {
        stored[tensor.name] = (weight, storage)
        tensors.append(tensor)
      }
    }

    func emit(_ tensor: TensorDescription, _ body: (RawSpan) throws -> Void) throws {
      guard let (weight, storage) = stored[tensor.name] else { return try (tokenizer ?? []).withRawSpan(body) }
      let numbers = try self.tensor(weight)
      switch storage {
      case .numbers(let format): try numbers.withBytes(in: format, body)
      case .q8_0: try numbers.withQuantizedBytes(.q8_0, isScales: tensor.name != weight.name, body)
      case .q4_0: try numbers.withQuantizedBytes(.q4_0, isScales: tensor.name != weight.name, body)
      }
    }

    let text = try sortedJSON(configuration.values)
    var hasher = ModelHasher(configuration: text)
    for tensor in tensors.sorted(by: { $0.name < $1.name }) {
      hasher.begin(tensor.name)
      try emit(tensor) { hasher.add($0) }
    }
    let digest = hasher.finish()
    let metadata = [
      "format": "pt",
      ModelHeader.versionKey: "\(ModelHeader.formatVersion)",
      ModelHeader.configurationKey: text,
      ModelHeader.provenanceKey: try sortedJSON(provenance),
      ModelHeader.digestKey: digest.description,
    ]
    try SafetensorsWriter.write(to: path, tensors: tensors, metadata: metadata, bytes: emit)
    return digest
  }
}
