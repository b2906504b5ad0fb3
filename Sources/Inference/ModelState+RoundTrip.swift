internal import Checkpoints
internal import Files
internal import FoundationEssentials
internal import Modeling
internal import Retention
internal import Tensors

extension ModelState {
  /// Writes the state's numbers to a safetensors file and reads them into a new state; the file is removed.
  ///
  /// - Parameters:
  ///   - configuration: Of the model.
  ///   - folder: Where the file goes.
  /// - Returns: A state of its own.
  /// - Throws: `CheckpointError`.
  func savedAndLoaded(_ configuration: ModelConfiguration, inFolder folder: String) throws -> ModelState {
    let path = "\(folder)/retnet-state-\(UInt64.random(in: 0...UInt64.max)).safetensors"
    defer { try? FileManager.default.removeItem(atPath: path) }
    let parts = self.parts
    try SafetensorsWriter.write(
      to: path, tensors: parts.map(\.description), metadata: ["position": "\(position)"]
    ) { tensor, body in
      for part in parts where part.description == tensor { try part.withBytes(body) }
    }

    let file = try SafetensorsFile(path: path)
    var loaded = ModelState(configuration, batch: 1)
    for part in loaded.parts { try file.withBytes(of: part.description.name) { part.fill($0) } }
    loaded.position = file.metadata["position"].flatMap { Int($0) } ?? 0
    return loaded
  }

  private var parts: [StatePart] {
    layers.enumerated().flatMap { index, layer in
      let prefix = "layers.\(index)."
      var parts = [
        StatePart(name: prefix + "stored", .single(layer.retention.stored)),
        StatePart(name: prefix + "scales", .double(layer.retention.scales)),
      ]
      if let scores = layer.scores {
        parts += [
          StatePart(name: prefix + "row_sums", .double(scores.rowSums)),
          StatePart(name: prefix + "key_sums.stored", .single(scores.keySums.stored)),
          StatePart(name: prefix + "key_sums.scales", .double(scores.keySums.scales)),
        ]
      }
      return parts
    }
  }
}

/// Some numbers of a state under a name.
private struct StatePart {
  enum Numbers {
    case single(Tensor)
    case double(DoubleBuffer)
  }

  let description: TensorDescription
  private let numbers: Numbers

  init(name: String, _ numbers: Numbers) {
    self.numbers = numbers
    description =
      switch numbers {
      case .single(let tensor): TensorDescription(name: name, dataType: .f32, shape: tensor.shape.extents)
      case .double(let buffer): TensorDescription(name: name, dataType: .f64, shape: [buffer.count])
      }
  }

  func withBytes(_ body: (RawSpan) throws -> Void) throws {
    switch numbers {
    case .single(let tensor): try tensor.withBytes(body)
    case .double(let buffer):
      let bytes = buffer.values.flatMap { number in
        stride(from: 0, to: 64, by: 8).map { UInt8(truncatingIfNeeded: number.bitPattern >> $0) }
      }
      try bytes.withRawSpan(body)
    }
  }

  func fill(_ bytes: RawSpan) {
    switch numbers {
    case .single(let tensor): tensor.fill(bytes: bytes, format: .float32)
    case .double(let buffer):
      let bytes = [UInt8](copying: bytes)
      for index in 0..<buffer.count {
        let pattern = bytes[8 * index..<8 * index + 8].reversed().reduce(0) { $0 << 8 | UInt64($1) }
        buffer[index] = Double(bitPattern: pattern)
      }
    }
  }
}
