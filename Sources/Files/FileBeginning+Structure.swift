/// Kinds without magic bytes, recognised by how their first values are built.
extension FileBeginning {
  var kindByStructure: FileKind? {
    if isUnfinished { return .unfinished }
    if bytes.count >= 16, bytes.allSatisfy({ $0 == 0 }) { return .zeros }
    if isTensorFlow { return .tensorFlow }
    if isONNX { return .onnx }
    return isMessagePack ? .messagePack : nil
  }

  // Version 1, no extensions or one, the length of a hash (none or SHA-1), and after it the length of a piece.
  // Source: aria2's manual, "Control File (*.aria2) Format".
  private var isUnfinished: Bool {
    guard bytes.count >= 34, matches([0, 1, 0, 0, 0]), bytes[5] <= 1, matches([0, 0, 0], at: 6) else { return false }
    let place = 10 + Int(bytes[9])
    guard bytes[9] == 0 || bytes[9] == 20, place + 4 <= bytes.count else { return false }
    let piece = bytes[place..<place + 4].reduce(0) { $0 << 8 | Int($1) }
    return piece >= 1024 && piece & (piece - 1) == 0
  }

  // Source: tensorflow/core/protobuf: saved_model.proto, tensor_bundle.proto; framework/graph.proto.
  private var isTensorFlow: Bool {
    // The index of a checkpoint: an empty key, whose value has the number of shards and the version 1.
    if matches([0, 0]), matches([8], at: 3), matches([0x1A, 2, 8, 1], at: 5) { return true }
    // A SavedModel: schema version 1, then a graph that begins with what is known about it.
    if matches([8, 1, 0x12]), let (_, place) = number(at: 3), matches([0x0A], at: place) { return true }
    // A graph: its first node has a name and an operation.
    guard matches([0x0A]), let (_, node) = number(at: 1), let name = text(at: node, tag: 0x0A),
      let operation = text(at: name.upperBound, tag: 0x12)
    else { return false }
    return (0x41...0x5A).contains(bytes[operation.lowerBound])
  }

  // The version, then who made it, or the graph. Source: onnx/onnx.proto, ModelProto.
  private var isONNX: Bool {
    guard bytes.count > 2, bytes[0] == 8, (3...20).contains(bytes[1]) else { return false }
    return text(at: 2, tag: 0x12) != nil || matches([0x3A], at: 2)
  }

  // A map whose first key is a short text and whose first value is a map, a list or an array's bytes.
  // Source: the MessagePack specification; flax/serialization.py.
  private var isMessagePack: Bool {
    guard let first = bytes.first, (0x81...0x8F).contains(first) || first == 0xDE else { return false }
    let place = first == 0xDE ? 3 : 1
    guard place < bytes.count, (0xA1...0xBF).contains(bytes[place]) else { return false }
    let end = place + 1 + Int(bytes[place] & 0x1F)
    guard end < bytes.count, isPrintable(place + 1..<end) else { return false }
    return [0x80...0x9F, 0xC4...0xC9, 0xDC...0xDF].contains { $0.contains(bytes[end]) }
  }

  private func isPrintable(_ range: Range<Int>) -> Bool { bytes[range].allSatisfy { (0x20...0x7E).contains($0) } }

  // A protobuf integer of at most 35 bits, and where it ends.
  private func number(at start: Int) -> (value: Int, end: Int)? {
    var value = 0
    for (place, byte) in bytes.dropFirst(start).prefix(5).enumerated() {
      value |= Int(byte & 0x7F) << (7 * place)
      if byte < 0x80 { return (value, start + place + 1) }
    }
    return nil
  }

  // The range of a protobuf field with a printable text of one byte or more.
  private func text(at start: Int, tag: UInt8) -> Range<Int>? {
    guard matches([tag], at: start), let (count, place) = number(at: start + 1), count > 0,
      count <= bytes.count - place, isPrintable(place..<place + count)
    else { return nil }
    return place..<place + count
  }
}
