import TestSupport

/// Pieces of pickles: each is the instructions that leave one value on the stack.
enum HandMadePickle {
  /// A whole pickle with this value.
  static func file(_ root: [UInt8]) -> [UInt8] { [0x80, 2] + root + Array(".".utf8) }

  static let none = Array("N".utf8)
  static let yes: [UInt8] = [0x88]

  static func text(_ text: String) -> [UInt8] { Array("X".utf8) + little(text.utf8.count, 4) + Array(text.utf8) }

  static func integer(_ value: Int) -> [UInt8] {
    if (0..<256).contains(value) { return Array("K".utf8) + [UInt8(value)] }
    return Int32(exactly: value) == nil ? [0x8A, 8] + little(value, 8) : Array("J".utf8) + little(value, 4)
  }

  static func float(_ value: Double) -> [UInt8] {
    Array("G".utf8) + little(Int(bitPattern: UInt(value.bitPattern)), 8).reversed()
  }

  static func global(_ module: String, _ name: String) -> [UInt8] { Array("c\(module)\n\(name)\n".utf8) }

  static func tuple(_ parts: [[UInt8]]) -> [UInt8] { Array("(".utf8) + parts.joined() + Array("t".utf8) }

  static func integers(_ values: [Int]) -> [UInt8] { tuple(values.map(integer)) }

  static func dictionary(_ pairs: [(String, [UInt8])]) -> [UInt8] {
    Array("}(".utf8) + pairs.flatMap { text($0.0) + $0.1 } + Array("u".utf8)
  }

  static func call(_ callable: [UInt8], _ arguments: [[UInt8]]) -> [UInt8] {
    callable + tuple(arguments) + Array("R".utf8)
  }

  static let orderedDictionary = call(global("collections", "OrderedDict"), [])

  static func storage(_ type: [UInt8], key: String, count: Int) -> [UInt8] {
    tuple([text("storage"), type, text(key), text("cpu"), integer(count)]) + Array("Q".utf8)
  }

  /// What torch.save writes for a tensor; the storage's count is as large as need be if none is given.
  static func tensor(
    _ type: String = "FloatStorage", key: String = "0", count: Int, offset: Int = 0, shape: [Int], strides: [Int],
    metadata: [[UInt8]] = []
  ) -> [UInt8] {
    let storage = storage(global("torch", type), key: key, count: count)
    return call(
      global("torch._utils", "_rebuild_tensor_v2"),
      [storage, integer(offset), integers(shape), integers(strides), [0x89], orderedDictionary] + metadata)
  }
}
