/// Writes a pickle of protocol 2, with the instructions that PyTorch accepts in a file of weights alone.
struct PickleWriter {
  private(set) var bytes: [UInt8] = [PickleOpcode.proto.rawValue, 2]

  mutating func write(_ opcode: PickleOpcode) { bytes.append(opcode.rawValue) }

  mutating func write(_ scalar: PickleScalar) {
    switch scalar {
    case .none: write(PickleOpcode.none)
    case .boolean(let value): write(value ? .newTrue : .newFalse)
    case .integer(let value): write(value)
    case .float(let value):
      write(.binFloat)
      bytes += little(Int(truncatingIfNeeded: value.bitPattern), 8).reversed()
    case .text(let text): write(text)
    }
  }

  mutating func write(_ text: String) {
    write(.binUnicode)
    bytes += little(text.utf8.count, 4) + text.utf8
  }

  /// Writes an integer in the shortest form, as Python does.
  mutating func write(_ number: Int) {
    switch number {
    case 0..<0x100:
      write(.binInt1)
      bytes += little(number, 1)
    case 0..<0x1_0000:
      write(.binInt2)
      bytes += little(number, 2)
    case Int(Int32.min)...Int(Int32.max):
      write(.binInt)
      bytes += little(number, 4)
    default:
      // As many bytes as the number and its sign take.
      let magnitude = number < 0 ? ~number : number
      let count = (64 - magnitude.leadingZeroBitCount) / 8 + 1
      write(.long1)
      bytes += [UInt8(count)] + little(number, count)
    }
  }

  mutating func write(_ numbers: [Int]) {
    writeTuple { writer in
      for number in numbers { writer.write(number) }
    }
  }

  /// Writes a reference to a module's member.
  mutating func write(_ global: PickleGraph.Global) {
    write(.global)
    bytes += "\(global.module)\n\(global.name)\n".utf8
  }

  mutating func writeTuple(_ members: (inout PickleWriter) -> Void) {
    write(.mark)
    members(&self)
    write(.tuple)
  }

  /// Writes the keys and values that `entries` writes into the dictionary that was written last.
  mutating func writeItems(_ entries: (inout PickleWriter) -> Void) {
    write(.mark)
    entries(&self)
    write(.setItems)
  }

  mutating func writeOrderedDictionary() {
    write(PickleGraph.Global(module: "collections", name: "OrderedDict"))
    write(.emptyTuple)
    write(.reduce)
  }
}
