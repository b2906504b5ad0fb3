internal import Checkpoints
internal import Configurations
internal import Files
internal import Tensors

/// The inputs of a family's plan: tensor shapes by name, the configuration, and what the user gave.
struct ForeignSource {
  let weights: UnwrappedWeights
  let settings: ForeignConfiguration
  let headCount: Int?
  let tables: TableNames

  /// Whether there is a tensor of this name.
  func has(_ name: String) -> Bool { weights.description(of: name) != nil }

  /// The sizes of a matrix.
  ///
  /// - Throws: `CheckpointError` if it is missing or not a matrix.
  func matrix(_ name: String) throws -> (rows: Int, columns: Int) {
    let shape = try shape(name)
    guard shape.count == 2, shape[0] > 0, shape[1] > 0 else {
      throw CheckpointError.tensor(
        path: weights.file.path, name: weights.storedName(name), expected: "a matrix with rows and columns",
        found: "\(shape)")
    }
    return (shape[0], shape[1])
  }

  /// The length of a vector, or nil if there is no tensor of this name.
  func length(_ name: String) throws -> Int? {
    guard has(name) else { return nil }
    let shape = try shape(name)
    guard shape.count == 1, shape[0] > 0 else {
      throw CheckpointError.tensor(
        path: weights.file.path, name: weights.storedName(name), expected: "one axis with elements", found: "\(shape)")
    }
    return shape[0]
  }

  private func shape(_ name: String) throws -> [Int] {
    guard let description = weights.description(of: name) else {
      throw CheckpointError.missingTensor(path: weights.file.path, name: weights.storedName(name))
    }
    return description.shape
  }

  /// The number of layers: one more than the largest layer number.
  func layerCount(_ layers: String) -> Int {
    weights.names.compactMap { name in
      guard name.hasPrefix(layers) else { return nil }
      return Int(name.dropFirst(layers.count).prefix { $0 != "." })
    }.max().map { $0 < .max ? $0 + 1 : $0 } ?? 0
  }

  /// H, from the user, the tensors or the settings; all that give it must agree.
  ///
  /// - Parameters:
  ///   - key: The key of the settings.
  ///   - inferred: The number that the tensors give.
  /// - Returns: From 1 to 1,024.
  /// - Throws: `ModelFileError.unknownHeads` or `.foreignSetting`.
  func heads(_ key: String, inferred: Int?) throws -> Int {
    let stated = try settings.value(key, Int.self)
    guard let heads = headCount ?? inferred ?? stated else {
      throw ModelFileError.unknownHeads(path: weights.file.path)
    }
    for (who, count) in [("the tensors", inferred), ("key '\(key)'", stated)] {
      if let count, count != heads {
        throw ModelFileError.foreignSetting(
          path: settings.path, key: key, expected: "\(heads) heads", found: "\(count) by \(who)")
      }
    }
    guard (1...1_024).contains(heads) else {
      throw ModelFileError.foreignSetting(path: settings.path, key: key, expected: "1 to 1024 heads", found: "\(heads)")
    }
    return heads
  }

  /// A nonlinearity, by its name in PyTorch programs.
  func activation(_ key: String, default word: String) throws -> Activation {
    let word = try settings.value(key, String.self) ?? word
    switch word {
    case "swish", "silu": return .silu
    case "gelu": return .gelu
    case "relu": return .relu
    default:
      throw ModelFileError.foreignSetting(
        path: settings.path, key: key, expected: "swish, silu, gelu or relu", found: quoted(word))
    }
  }

  /// Whether the head is the embedding. Any of these says so:
  ///
  /// - the file stores both in the same storage, or its metadata note the tie;
  /// - there is no head, and the settings do not deny a tie;
  /// - the settings state a tie, and both tables are equal; if they differ, this throws.
  func isHeadTied(head: String, embedding: String, key: String) throws -> Bool {
    let (headName, embeddingName) = (weights.storedName(head), weights.storedName(embedding))
    if weights.file.sharing.contains(where: { $0.contains(headName) && $0.contains(embeddingName) }) { return true }
    if weights.metadataTie(head, to: embedding) { return true }
    let isSaidToBe = try settings.value(key, Bool.self)
    guard has(head) else { return isSaidToBe ?? true }
    guard isSaidToBe == true, has(embedding) else { return false }
    let first = try weights.file.withBytes(of: headName) { [UInt8](copying: $0) }
    guard try weights.file.withBytes(of: embeddingName, { [UInt8](copying: $0) == first }) else {
      throw CheckpointError.tensor(
        path: weights.file.path, name: headName, expected: "the numbers of \(quoted(embeddingName)), as \(key) says",
        found: "others; with \(key) false the stored head counts")
    }
    return true
  }
}
