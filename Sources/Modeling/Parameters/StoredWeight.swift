internal import Checkpoints
package import Tensors

/// How a model file stores a weight: numbers of one type, or quantised blocks with their scales in a second tensor.
package enum StoredWeight: Equatable, Sendable {
  case numbers(NumberFormat)
  case q8_0
  case q4_0

  /// The format in which a model runs without a copy; nil if reading must widen.
  package var weightFormat: WeightFormat? {
    switch self {
    case .numbers(.float32): .float32
    case .numbers(.bfloat16): .bfloat16
    case .numbers(.float16): nil
    case .q8_0: .q8_0
    case .q4_0: .q4_0
    }
  }

  /// The name of the tensor with a weight's scales.
  static func scalesName(of weight: String) -> String { weight + ".scales" }

  /// The tensors that store a weight.
  ///
  /// - Parameters:
  ///   - name: The name of the weight.
  ///   - shape: The shape of the weight; a row has whole blocks if the weight is quantised.
  /// - Returns: One tensor, or the numbers and their scales.
  func tensors(name: String, shape: Shape) -> [TensorDescription] {
    let blocks = [shape[0], shape.last / WeightFormat.block]
    let scales = TensorDescription(name: Self.scalesName(of: name), dataType: .f16, shape: blocks)
    switch self {
    case .numbers(let format):
      return [TensorDescription(name: name, dataType: format.dataType, shape: shape.extents)]
    case .q8_0: return [TensorDescription(name: name, dataType: .i8, shape: shape.extents), scales]
    case .q4_0: return [TensorDescription(name: name, dataType: .u8, shape: [shape[0], shape[1] / 2]), scales]
    }
  }
}

/// The quantisation of a model's weights by `convert --quantize` (docs/CHECKPOINT.md, M23 and M24).
package enum Quantization: String, CaseIterable, Sendable {
  case q8_0
  case q4_0

  /// The storage of one weight.
  ///
  /// The embedding and the head have eight bits, because they decide which token comes. A matrix whose rows are not
  /// whole blocks is bfloat16. Norm weights and biases are Float32.
  package func storage(of weight: ParameterDescription) -> StoredWeight {
    guard weight.isMatrix else { return .numbers(.float32) }
    guard weight.shape[1] % WeightFormat.block == 0 else { return .numbers(.bfloat16) }
    return self == .q8_0 || weight.isVocabularyTable ? .q8_0 : .q4_0
  }
}

/// The storage of a model's matrices; all other weights are Float32.
package enum MatrixStorage: Equatable, Sendable {
  /// All matrices in one format.
  case numbers(NumberFormat)
  case quantized(Quantization)
  /// Each matrix in its own way, by the name of the weight; Float32 if the name is missing.
  case each([String: StoredWeight])

  /// The storage of one weight.
  package func storage(of weight: ParameterDescription) -> StoredWeight {
    switch self {
    case .quantized(let quantization): quantization.storage(of: weight)
    case .numbers(let format): .numbers(weight.isMatrix ? format : .float32)
    case .each(let stored): weight.isMatrix ? stored[weight.name] ?? .numbers(.float32) : .numbers(.float32)
    }
  }

  /// A short description for people: the coarsest quantisation, if any; otherwise all number formats.
  ///
  /// - Parameter configuration: Resolved.
  /// - Returns: E.g. `f32`, `f32 and bf16` or `q4_0`.
  package func word(_ configuration: ModelConfiguration) -> String {
    let found = Parameters.descriptions(configuration).filter(\.isMatrix).map { storage(of: $0) }
    if found.contains(.q4_0) { return Quantization.q4_0.rawValue }
    if found.contains(.q8_0) { return Quantization.q8_0.rawValue }
    return NumberFormat.allCases.filter { found.contains(.numbers($0)) }.map(\.rawValue).joined(separator: " and ")
  }
}

extension ModelHeader {
  /// How the file stores a weight.
  ///
  /// - Throws: `CheckpointError.tensor` or `.missingTensor` if it is stored in no supported way, or has another shape.
  func storage(of weight: ParameterDescription) throws -> StoredWeight {
    guard let found = file.description(of: weight.name) else {
      throw CheckpointError.missingTensor(path: path, name: weight.name)
    }
    let scalesName = StoredWeight.scalesName(of: weight.name)
    let hasBlocks = weight.isMatrix && weight.shape[1] % WeightFormat.block == 0
    let isQuantized = hasBlocks && (found.dataType == .i8 || found.dataType == .u8)
    let stored: StoredWeight
    if let format = NumberFormat(found.dataType) {
      stored = .numbers(format)
    } else if isQuantized {
      stored = found.dataType == .i8 ? .q8_0 : .q4_0
    } else {
      let expected = hasBlocks ? "F32, BF16, F16, I8 or U8" : "F32, BF16 or F16"
      throw CheckpointError.tensor(path: path, name: weight.name, expected: expected, found: found.dataType.rawValue)
    }
    for tensor in stored.tensors(name: weight.name, shape: weight.shape) {
      guard let found = file.description(of: tensor.name) else {
        throw CheckpointError.missingTensor(path: path, name: tensor.name)
      }
      guard found.shape == tensor.shape else {
        throw CheckpointError.tensor(
          path: path, name: tensor.name, expected: "\(tensor.shape)", found: "\(found.shape)")
      }
      guard found.dataType == tensor.dataType else {
        throw CheckpointError.tensor(
          path: path, name: tensor.name, expected: tensor.dataType.rawValue, found: found.dataType.rawValue)
      }
    }
    if !isQuantized, file.description(of: scalesName) != nil {
      throw ModelFileError.unexpectedTensor(path: path, name: scalesName)
    }
    return stored
  }

  /// How the file stores each matrix.
  ///
  /// - Throws: The errors of `storage`.
  package var matrixStorage: MatrixStorage {
    get throws {
      let matrices = Parameters.descriptions(configuration).filter(\.isMatrix)
      return .each(Dictionary(uniqueKeysWithValues: try matrices.map { ($0.name, try storage(of: $0)) }))
    }
  }

  /// The weights in the formats of the file: matrices stay in its mapping, all others are read.
  ///
  /// A matrix in Float16, or one that is not aligned to the width of its numbers, is copied.
  package func mapWeights() throws -> ModelWeights {
    try ModelWeights(configuration) { matrix, weight in
      let stored = try storage(of: weight)
      guard let format = stored.weightFormat else { return matrix.append(try readTensor([weight])) }
      let numbers = try bytes(of: weight.name, alignment: format == .float32 ? 4 : 2)
      if format == .float32 { return matrix.append(Tensor(weight.shape, readingFrom: numbers)) }
      let scales = format.isQuantized ? try bytes(of: StoredWeight.scalesName(of: weight.name), alignment: 2) : nil
      matrix.append(rows: weight.shape[0], format: format, numbers: numbers, scales: scales)
    } tensor: {
      try readTensor($0)
    }
  }

  private func bytes(of name: String, alignment: Int) throws -> WeightBytes {
    try file.withBytes(of: name) { WeightBytes($0, of: file.mapping, alignment: alignment) }
  }

  /// Reads adjacent weights as one tensor in Float32.
  private func readTensor(_ weights: [ParameterDescription]) throws -> Tensor {
    let rows = weights.reduce(0) { $0 + $1.shape[0] }
    let tensor = Tensor(weights[0].isMatrix ? Shape(rows, weights[0].shape[1]) : Shape(rows))
    var offset = 0
    for weight in weights {
      try read(weight, into: tensor.view(weight.shape, at: offset))
      offset += weight.shape.count
    }
    return tensor
  }

  /// The weights of the file, read one at a time as Float32, exactly. The digest is not checked.
  package var reader: WeightReader { WeightReader(configuration) { try readTensor([$0]) } }

  /// Reads a weight as Float32, exactly.
  func read(_ weight: ParameterDescription, into tensor: Tensor) throws {
    let stored = try storage(of: weight)
    if case .numbers(let format) = stored {
      return try file.withBytes(of: weight.name) { tensor.fill(bytes: $0, format: format) }
    }
    guard let format = stored.weightFormat else { return }
    var matrix = WeightMatrix(columns: weight.shape[1])
    matrix.append(
      rows: weight.shape[0], format: format, numbers: try bytes(of: weight.name, alignment: 2),
      scales: try bytes(of: StoredWeight.scalesName(of: weight.name), alignment: 2))
    for row in 0..<matrix.rows { matrix.widenRow(tensor.view(Shape(matrix.columns), at: row * matrix.columns), row) }
  }
}
