import TestSupport

/// A pickle as a list of instructions, which can be exchanged without cutting one.
struct PickleInstructions {
  private var instructions: [[UInt8]] = []

  /// Splits what `HandMadePickle` and `TorchWriter` write.
  init(_ pickle: [UInt8]) {
    var start = 0
    while start < pickle.count {
      let end = start + Self.length(of: pickle[start...])
      instructions.append(Array(pickle[start..<end]))
      start = end
    }
  }

  private static func length(of bytes: ArraySlice<UInt8>) -> Int {
    func argument(_ place: Int) -> Int { Int(bytes[bytes.startIndex + place]) }
    switch bytes.first {
    case UInt8(ascii: "K"), UInt8(ascii: "q"), UInt8(ascii: "h"), 0x80: return 2
    case UInt8(ascii: "M"): return 3
    case UInt8(ascii: "J"), UInt8(ascii: "r"), UInt8(ascii: "j"): return 5
    case UInt8(ascii: "G"), 0x95: return 9
    case UInt8(ascii: "U"), UInt8(ascii: "C"), 0x8A, 0x8C: return 2 + argument(1)
    case UInt8(ascii: "X"), UInt8(ascii: "T"), UInt8(ascii: "B"): return 5 + argument(1) + argument(2) << 8
    case UInt8(ascii: "c"):
      let ends = bytes.indices.filter { bytes[$0] == UInt8(ascii: "\n") }
      return ends[1] + 1 - bytes.startIndex
    default: return 1
    }
  }

  var bytes: [UInt8] { instructions.flatMap { $0 } }

  /// Removes, repeats, moves and replaces instructions, and adds others.
  mutating func mutate(_ damage: inout Damage) {
    for _ in 0...damage.number(below: 4) where instructions.count > 2 {
      let place = 1 + damage.number(below: instructions.count - 2)
      switch damage.number(below: 8) {
      case 0: instructions.remove(at: place)
      case 1: instructions.insert(damage.pick(instructions), at: place)
      case 2: instructions.swapAt(place, 1 + damage.number(below: instructions.count - 2))
      case 3: instructions[place] = Self.random(&damage)
      case 4:
        // A number that says something else.
        let numbers = instructions.indices.filter { [0x4B, 0x4D, 0x4A, 0x8A].contains(instructions[$0][0]) }
        if numbers.isEmpty { continue }
        instructions[damage.pick(numbers)] = HandMadePickle.integer(damage.extreme())
      case 5:
        let end = min(instructions.count - 1, place + damage.number(below: 20))
        instructions.insert(contentsOf: instructions[place..<end], at: place)
      default:
        for _ in 0..<damage.number(below: 4) { instructions.insert(Self.random(&damage), at: place) }
      }
    }
  }

  private static func random(_ damage: inout Damage) -> [UInt8] {
    let plain = Array("N(.)t]}lasdueRQb01".utf8) + [0x81, 0x85, 0x86, 0x87, 0x88, 0x8F, 0x90, 0x91, 0x93, 0x94]
    let place = UInt8(damage.number(below: 4))
    switch damage.number(below: 9) {
    case 0: return Array("q".utf8) + [place]
    case 1, 2: return Array("h".utf8) + [place]
    case 3: return HandMadePickle.integer(damage.extreme())
    case 4:
      return HandMadePickle.text(
        damage.pick(["model", "state_dict", "w", "storage", "0", "1", "net", "param_groups", ""]))
    case 5:
      let name = damage.pick([
        ("torch", "FloatStorage"), ("torch._utils", "_rebuild_tensor_v2"), ("torch._utils", "_rebuild_parameter"),
        ("torch._utils", "_rebuild_tensor_v3"), ("collections", "OrderedDict"), ("argparse", "Namespace"),
        ("torch.storage", "UntypedStorage"), ("torch", "bfloat16"),
      ])
      return HandMadePickle.global(name.0, name.1)
    default: return [damage.pick(plain)]
    }
  }
}
