import Configurations
import Testing

@Suite struct ConfigurationValueTests {
  @Test func guessesTypesOfPlainWords() {
    let expected: KeyValuePairs<String, ConfigurationValue> = [
      "": .null, "~": .null, "null": .null, "true": .boolean(true), "False": .boolean(false), "12": .integer(12),
      "-3": .integer(-3), "+5": .integer(5), "3e-4": .number(3e-4), ".5": .number(0.5), "1.": .number(1),
      "99999999999999999999": .number(1e20), "nan": .text("nan"), "inf": .text("inf"), "0x10": .text("0x10"),
      "1_000": .text("1_000"), "no": .text("no"), "-": .text("-"), "e": .text("e"), "1e": .text("1e"),
    ]
    for (word, value) in expected { #expect(ConfigurationValue.guessed(from: word) == value, "\(word)") }
  }

  @Test(arguments: ["no", "010", "1e3", "true", "1_000", "0x10", "12:30"])
  func textKeysKeepWhatWasTyped(_ word: String) {
    #expect(ConfigurationKind.text.value(of: word) == .text(word))
    #expect(ConfigurationKind.optional(.text).value(of: word) == .text(word))
    #expect(ConfigurationKind.choice(["a"]).value(of: word) == .text(word))
  }

  @Test func nothingIsAnEmptyText() {
    #expect(ConfigurationKind.text.value(of: "") == .text(""))
    #expect(ConfigurationKind.optional(.text).value(of: "") == .null)
  }

  @Test func nothingIsNullForEveryOtherKind() {
    for kind in [ConfigurationKind.choice(["a"]), .integer(0...1), .number(.any), .boolean, .list] {
      #expect(kind.value(of: "") == .null)
      #expect(kind.objection(to: .null)?.hasSuffix("found null") == true)
      #expect(ConfigurationKind.optional(kind).objection(to: .null) == nil)
    }
  }

  @Test(arguments: ["1.5", "1e6", "99999999999999999999", "true", "abc", "null"])
  func integerKeysRefuseOtherWords(_ word: String) {
    let kind = ConfigurationKind.integer(Int.min...Int.max)
    #expect(kind.objection(to: kind.value(of: word)) != nil)
  }

  @Test func numbersComeBackExactly() throws {
    var random = SplitMix64(state: 7)
    var numbers = [
      0.0, -0.0, 1, -1, 0.1, 1e-5, 3e-4, 1e15, 1e16, 1e17, .leastNonzeroMagnitude, .greatestFiniteMagnitude, .pi, 1e22,
    ]
    while numbers.count < 20_000 {
      let number = Double(bitPattern: random.next())
      if number.isFinite { numbers.append(number) }
    }
    let kind = ConfigurationKind.number(.any)
    for number in numbers {
      let text = ConfigurationValue.number(number).yaml
      guard case .number(let read) = kind.value(of: text) else {
        Issue.record("\(text) is read as no number")
        continue
      }
      #expect(read.bitPattern == number.bitPattern, "\(text)")
      // YAML 1.1 readers need the point before an exponent.
      #expect(text.contains("."), "\(text)")
    }
  }

  @Test(arguments: [0, 1, -1, Int.max, Int.min, 1_000_000])
  func integersComeBackExactly(_ integer: Int) {
    let text = ConfigurationValue.integer(integer).yaml
    #expect(ConfigurationKind.integer(Int.min...Int.max).value(of: text) == .integer(integer))
  }

  @Test(arguments: [
    "", " ", "null", "Null", "~", "true", "NO", "y", "12", "1.5", "-", "1-2", "2024-01-01", "0x1F", "0o7", ".5", ".nan",
    "nan", "inf", "a: b", "a #b", "#", "*a", "&a", "a b", "'", "\"", "\\", "a\tb", "a\nb", "é", "\u{85}", "\u{FEFF}",
    "-a", "1.2.3", "Infinity",
  ])
  func textThatYAMLWouldReadOtherwiseIsQuoted(_ text: String) {
    #expect(ConfigurationValue.text(text).yaml.hasPrefix("\""))
    #expect(!ConfigurationValue.text(text).yaml.contains("\n"))
  }

  @Test(arguments: ["a", "data/kjv/train.tokens", "/tmp/x-1.bin", "./x", "rms", "v1.2", "7b"])
  func wordsAndPathsStandPlain(_ text: String) {
    #expect(ConfigurationValue.text(text).yaml == text)
  }
}

/// A small generator with a seed.
struct SplitMix64: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
