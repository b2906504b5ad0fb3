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
  ///   - provenance: Where the model comes from.
  ///   - tokenizer: The `.model` bytes, or nil for none.
  /// - Returns: The model's digest.
  /// - Throws: `CheckpointError` when the file cannot be written; the old one is then untouched.
  @discardableResult
  package func write(
    to path: String, format: NumberFormat = .float32, provenance: Provenance, tokenizer: [UInt8]?
  ) throws -> SHA256Digest {
    let tokenizerTensor = tokenizer.map {
      TensorDescription(name: ModelHeader.tokenizerName, dataType: .u8, shape: [$0.count])
    }
    var weights: [String: ParameterDescription] = [:]
    for weight in parameters.descriptions { weights[weight.name] = weight }
    func storedFormat(of weight: ParameterDescription) -> NumberFormat { weight.isMatrix ? format : .float32 }
    let tensors =
      parameters.descriptions.map {
        TensorDescription(name: $0.name, dataType: storedFormat(of: $0).dataType, shape: $0.shape.extents)
      } + (tokenizerTensor.map { [$0] } ?? [])

    func emit(_ tensor: TensorDescription, _ body: (RawSpan) throws -> Void) throws {
      if let weight = weights[tensor.name] {
        try parameters.tensor(weight).withBytes(in: storedFormat(of: weight), body)
      } else {
        try (tokenizer ?? []).withRawSpan(body)
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
  /// The name of the first matrix with a number that Float16 cannot hold, if there is one.
  package var firstBeyondFloat16: String? {
    descriptions.first { $0.isMatrix && tensor($0).largestMagnitude >= 65_520 }?.name
  }
}
