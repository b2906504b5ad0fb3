package import Checkpoints
internal import Configurations
internal import Files

/// A model cut into several safetensors files with an index, as Hugging Face's programs read it.
package struct SafetensorsShards {
  private let shards: [[TensorDescription]]

  /// Puts tensors into shards, in their order.
  ///
  /// - Parameters:
  ///   - tensors: All tensors.
  ///   - byteLimit: Bytes of tensors in a shard at most, unless one tensor is larger.
  package init(_ tensors: [TensorDescription], byteLimit: Int) {
    var shards: [[TensorDescription]] = [[]]
    var byteCount = 0
    for tensor in tensors {
      if byteCount + tensor.byteCount > byteLimit, shards.last?.isEmpty == false {
        shards.append([])
        byteCount = 0
      }
      shards[shards.count - 1].append(tensor)
      byteCount += tensor.byteCount
    }
    self.shards = shards
  }

  /// Writes `model.safetensors`, or several files with `model.safetensors.index.json`.
  ///
  /// - Parameters:
  ///   - folder: Exists.
  ///   - metadata: Text entries of each file.
  ///   - bytes: As in `SafetensorsWriter.write`.
  /// - Returns: The names of the files.
  /// - Throws: The errors of `SafetensorsWriter.write`.
  package func write(
    toFolder folder: String, metadata: [String: String],
    bytes: (TensorDescription, (RawSpan) throws -> Void) throws -> Void
  ) throws -> [String] {
    guard shards.count > 1 else {
      let name = "model.safetensors"
      try SafetensorsWriter.write(to: "\(folder)/\(name)", tensors: shards[0], metadata: metadata, bytes: bytes)
      return [name]
    }
    var index = Index(metadata: ["total_size": shards.joined().reduce(0) { $0 + $1.byteCount }], weightMap: [:])
    var names: [String] = []
    for (place, shard) in shards.enumerated() {
      let name = "model-\(Self.digits(place + 1))-of-\(Self.digits(shards.count)).safetensors"
      try SafetensorsWriter.write(to: "\(folder)/\(name)", tensors: shard, metadata: metadata, bytes: bytes)
      for tensor in shard { index.weightMap[tensor.name] = name }
      names.append(name)
    }
    let name = "model.safetensors.index.json"
    let file = try AtomicFile(replacing: "\(folder)/\(name)")
    try file.write(Array((try sortedJSON(index, isIndented: true) + "\n").utf8))
    try file.commit()
    return names + [name]
  }

  private static func digits(_ number: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
  }

  private struct Index: Encodable {
    let metadata: [String: Int]
    var weightMap: [String: String]

    private enum CodingKeys: String, CodingKey {
      case metadata
      case weightMap = "weight_map"
    }
  }
}
