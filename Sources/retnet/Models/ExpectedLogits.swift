internal import Checkpoints
internal import Files
internal import Inference
internal import Modeling
internal import Tensors

/// Token ids and the logits that another program computed for them, in a safetensors file.
struct ExpectedLogits {
  /// The largest RMS ratio between two Float32 programs; Float32 itself is off by 3e-7 to 5e-7.
  static let float32Limit = 3e-6

  private let path: String
  private let batch: Int
  private let ids: [Int32]
  private let logits: Tensor

  private init(path: String, batch: Int, ids: [Int32], logits: Tensor) {
    (self.path, self.batch, self.ids, self.logits) = (path, batch, ids, logits)
  }

  /// - Parameter path: A file with the tensors `input_ids`, I64 or I32 [B, T], and `logits`, F32 [B, T, N].
  /// - Throws: `FileError` for a file of another kind; `CheckpointError`.
  init(path: String) throws {
    try FileRole.logits.check(path)
    let file = try SafetensorsFile(path: path)
    func tensor(_ name: String, _ types: [DataType], _ rank: Int) throws -> TensorDescription {
      guard let found = file.description(of: name) else {
        throw CheckpointError.missingTensor(path: path, name: name)
      }
      guard types.contains(found.dataType), found.shape.count == rank, !found.shape.contains(0) else {
        throw CheckpointError.tensor(
          path: path, name: name,
          expected: "\(types.map(\.rawValue).joined(separator: " or ")) with \(rank) axes",
          found: "\(found.dataType.rawValue) \(found.shape)")
      }
      return found
    }
    let inputs = try tensor("input_ids", [.i64, .i32], 2)
    let outputs = try tensor("logits", [.f32], 3)
    guard Array(outputs.shape.prefix(2)) == inputs.shape else {
      throw CheckpointError.tensor(
        path: path, name: "logits", expected: "\(inputs.shape) rows, one for each id", found: "\(outputs.shape)")
    }
    self.path = path
    batch = inputs.shape[0]
    let width = inputs.dataType.bitCount / 8
    let found = try file.withBytes(of: "input_ids") { bytes in
      (0..<bytes.byteCount / width).map { index in
        width == 8
          ? Int(unsafe bytes.unsafeLoadUnaligned(fromByteOffset: 8 * index, as: Int64.self).littleEndian)
          : Int(unsafe bytes.unsafeLoadUnaligned(fromByteOffset: 4 * index, as: Int32.self).littleEndian)
      }
    }
    let vocabulary = outputs.shape[2]
    guard let bad = found.first(where: { !(0..<vocabulary).contains($0) }) else {
      ids = found.map { Int32($0) }
      logits = Tensor(Shape(ids.count, vocabulary))
      try file.withBytes(of: "logits") { logits.fill(bytes: $0, format: .float32) }
      return
    }
    throw CheckpointError.tensor(
      path: path, name: "input_ids", expected: "ids below \(vocabulary), the width of logits", found: "\(bad)")
  }

  /// The same ids and logits, where a model numbers its vocabulary in another order.
  ///
  /// - Parameter rows: For each new id the old one. Another number of them is left for `check` to refuse.
  /// - Returns: A copy.
  func reordered(_ rows: [Int]) -> ExpectedLogits {
    guard rows.count == logits.shape[1] else { return self }
    var newIDs = [Int32](repeating: 0, count: rows.count)
    for (id, row) in rows.enumerated() { newIDs[row] = Int32(id) }
    let changed = Tensor(logits.shape)
    for token in ids.indices {
      for (id, row) in rows.enumerated() { changed[token * rows.count + id] = logits[token * rows.count + row] }
    }
    return ExpectedLogits(path: path, batch: batch, ids: ids.map { newIDs[Int($0)] }, logits: changed)
  }

  /// Prints how far a model's logits are from these; ends with status 1 if Float32 weights are further off than 3e-6.
  ///
  /// - Parameters:
  ///   - weights: Of the model.
  ///   - format: How the model's file stores its matrices, such as `f32`; only Float32 has a limit.
  ///   - pool: Where the work runs.
  /// - Throws: `CommandError` if the vocabularies differ; the errors of reading; `ExitStatus.checkFailed`.
  func check(_ weights: WeightReader, format: String, pool: WorkerPool) throws {
    guard weights.configuration.vocabularySize == logits.shape[1] else {
      throw CommandError(
        .badData,
        "--expected \(path): expected logits of \(weights.configuration.vocabularySize) tokens, the model's vocabulary, "
          + "found \(logits.shape[1])")
    }
    let network = LanguageModel(weights.configuration, try weights.loadParameters())
    let found = computeLogits(of: network, ids, batch: batch, form: .parallel, on: pool)
    let ratio = rmsRatio(found, logits)
    let isFloat32 = format == NumberFormat.float32.rawValue
    try StandardStream.output.write(
      "logits against \(path): rms(a - b) / rms(b) \(ratio.scientific), "
        + (isFloat32 ? "limit \(Self.float32Limit.scientific)" : "no limit for \(format)") + "\n")
    if isFloat32, !(ratio <= Self.float32Limit) { throw ExitStatus.checkFailed.exit }
  }
}
