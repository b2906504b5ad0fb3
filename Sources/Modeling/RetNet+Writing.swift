internal import Checkpoints
internal import Configurations
package import Files
package import Tensors

extension RetNet {
  /// Writes a model file, atomically: weights, configuration, provenance, tokenizer (docs/CHECKPOINT.md).
  ///
  /// - Parameters:
  ///   - path: Replaced when the whole file is on disk.
  ///   - format: Of the matrices; norm weights stay Float32.
  ///   - quantization: Of the matrices instead; nil: none.
  ///   - provenance: Where the model comes from.
  ///   - tokenizer: The `.model` bytes, or nil for none.
  /// - Returns: The model's digest.
  /// - Throws: `CheckpointError` when the file cannot be written; the old one is then untouched.
  @discardableResult
  package func write(
    to path: String, format: NumberFormat = .float32, quantization: Quantization? = nil, provenance: Provenance,
    tokenizer: [UInt8]?
  ) throws -> SHA256Digest {
    let tokenizerTensor = tokenizer.map {
      TensorDescription(name: ModelHeader.tokenizerName, dataType: .u8, shape: [$0.count])
    }
    var stored: [String: (weight: ParameterDescription, storage: StoredWeight)] = [:]
    var tensors = tokenizerTensor.map { [$0] } ?? []
    for weight in parameters.descriptions {
      let storage = quantization?.storage(of: weight) ?? .numbers(weight.isMatrix ? format : .float32)
      for tensor in storage.tensors(name: weight.name, shape: weight.shape) {
        stored[tensor.name] = (weight, storage)
        tensors.append(tensor)
      }
    }

    func emit(_ tensor: TensorDescription, _ body: (RawSpan) throws -> Void) throws {
      guard let (weight, storage) = stored[tensor.name] else { return try (tokenizer ?? []).withRawSpan(body) }
      let numbers = parameters.tensor(weight)
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

extension Parameters {
  /// The name of the first matrix that cannot be quantised, because a number of it is too large or none.
  package func firstNotQuantizable(_ quantization: Quantization) -> String? {
    descriptions.first { weight in
      guard let format = quantization.storage(of: weight).weightFormat, format.isQuantized else { return false }
      return !tensor(weight).isQuantizable(as: format)
    }?.name
  }

  /// The name of the first matrix with a number that Float16 cannot hold, if there is one.
  package var firstBeyondFloat16: String? {
    descriptions.first { $0.isMatrix && tensor($0).largestMagnitude >= 65_520 }?.name
  }
}
