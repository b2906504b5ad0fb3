/// Damages files at random, as disks, networks and attackers do.
package struct Damage {
  /// The source of every choice.
  package var random: SeededGenerator

  package init(seed: UInt64) { random = SeededGenerator(seed: seed) }

  /// A number from 0 to one less than the limit; 0 if there is none.
  package mutating func number(below limit: Int) -> Int { limit < 1 ? 0 : Int.random(in: 0..<limit, using: &random) }

  package mutating func pick<Element>(_ elements: [Element]) -> Element { elements[number(below: elements.count)] }

  /// Whether an event with a chance of one in so many occurs.
  package mutating func once(in count: Int) -> Bool { number(below: count) == 0 }

  /// A number at a limit of something: of types, of the file, of what is small.
  ///
  /// - Parameter size: The size of what the number speaks of.
  /// - Returns: One of thirty such numbers.
  package mutating func extreme(_ size: Int = 64) -> Int {
    pick([
      0, 1, 2, 3, -1, -2, 7, 8, 63, 64, 65, 255, 256, 0x7FFF, 0xFFFF, 0x1_0000, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF,
      0x1_0000_0000, 1 << 40, 1 << 61, 1 << 62, .max - 1, .max, .min, size &- 1, size, size &+ 1, number(below: size),
    ])
  }

  /// One to three kinds of damage to some bytes; half of them keep the length, so that offsets stay true.
  ///
  /// - Parameters:
  ///   - original: The bytes.
  ///   - donor: Where foreign bytes come from; nil: the bytes themselves.
  ///   - places: Where the damage begins; nil: anywhere.
  /// - Returns: Other bytes, of any number.
  package mutating func damaged(
    _ original: [UInt8], with donor: [UInt8]? = nil, in places: Range<Int>? = nil
  ) -> [UInt8] {
    let donor = donor ?? original
    var bytes = original
    for _ in 0...number(below: 3) where !bytes.isEmpty {
      let range = (places ?? bytes.indices).clamped(to: bytes.indices)
      let place = range.isEmpty ? number(below: bytes.count) : range.lowerBound + number(below: range.count)
      let end = min(bytes.count, place + 1 + number(below: 16))
      switch number(below: 12) {
      case 0, 1: bytes[place] ^= 1 << UInt8(number(below: 8))
      case 2: bytes[place] = pick([0, 1, 0x28, 0x2E, 0x50, 0x52, 0x71, 0x7F, 0x80, 0x85, 0xFF])
      case 3, 4:
        let field = little(extreme(bytes.count), pick([1, 2, 4, 8]))
        bytes.replaceSubrange(place..<min(bytes.count, place + field.count), with: field)
      case 5:
        let source = number(below: bytes.count - (end - place))
        bytes.replaceSubrange(place..<end, with: Array(bytes[source..<source + end - place]))
      case 6: for index in place..<end { bytes[index] = 0xFF }
      case 7: bytes.removeSubrange(place..<end)
      case 8: bytes.insert(contentsOf: bytes[place..<end], at: number(below: bytes.count))
      case 9: bytes.removeLast(bytes.count - place)
      case 10: bytes.insert(contentsOf: little(extreme(bytes.count), pick([1, 2, 4, 8])), at: place)
      default: bytes.replaceSubrange(place..., with: donor.dropFirst(number(below: donor.count)))
      }
    }
    return bytes
  }

  /// What replaces a number or a word in a text.
  private static let words = [
    "0", "1", "2", "3", "5", "-1", "1e3", "1.5", "007", "1e-400", "1e400", "64", "255", "1000", "1024", "65536",
    "1048576", "4294967296", "9223372036854775807", "9223372036854775808", "18446744073709551616", "null", "true",
    "\"4\"", "[4]", "{}", ".nan", "",
  ]

  /// Half the time a text in which a number says something else, otherwise one with damage to its bytes.
  ///
  /// - Parameter text: JSON, YAML or some other text with numbers in it.
  /// - Returns: Other text, which need not be UTF-8.
  package mutating func damagedText(_ text: [UInt8]) -> [UInt8] {
    guard once(in: 2) else { return damaged(text) }
    var bytes = text
    for _ in 0...number(below: 2) {
      let isDigit = { (byte: UInt8) in (0x30...0x39).contains(byte) }
      guard let start = bytes[number(below: bytes.count)...].firstIndex(where: isDigit) else { continue }
      let end = bytes[start...].firstIndex { !isDigit($0) } ?? bytes.endIndex
      bytes.replaceSubrange(start..<end, with: pick(Self.words).utf8)
    }
    return bytes
  }

  /// A text as `damagedText` makes it; what is not UTF-8 is replaced.
  package mutating func damagedText(_ text: String) -> String {
    String(decoding: damagedText(Array(text.utf8)), as: UTF8.self)
  }
}

/// The lowest bytes of a number, lowest first.
package func little(_ value: Int, _ count: Int) -> [UInt8] {
  (0..<count).map { $0 < 8 ? UInt8(truncatingIfNeeded: value >> (8 * $0)) : 0 }
}
