import Configurations
import Testing
import retnet

/// A stand-in for the three real configurations.
private struct Sample: Configurable, Equatable {
  enum Norm: String, ConfigurationChoice { case rms, none }

  var width = 8
  var rate = 1e-3
  var path = ""
  var norm = Norm.rms
  var seed: Int? = 1
  var names: [String] = []
  var first = 1.0
  var second = 1.0

  static var keys: [ConfigurationKey<Self>] {
    [
      ConfigurationKey("width", \.width, 1...64, "Width."),
      ConfigurationKey("rate", \.rate, .above(0), "Rate."),
      ConfigurationKey("path", \.path, "Path."),
      ConfigurationKey("norm", \.norm, "Norm."),
      ConfigurationKey("seed", \.seed, 0...Int.max, "Seed."),
      ConfigurationKey("names", \.names, "Names."),
      ConfigurationKey("parts.first.rate", \.first, .atLeast(0), "Rate of the first part."),
      ConfigurationKey("parts.second.rate", \.second, .atLeast(0), "Rate of the second part."),
    ]
  }

  var contradictions: [(key: String, message: String)] {
    width == 13 ? [("width", "expected a number of good luck, found 13")] : []
  }
}

private func read(_ yaml: String, set overrides: [String] = []) throws -> Sample {
  try read(bytes: Array(yaml.utf8), set: overrides)
}

private func read(bytes: [UInt8], set overrides: [String] = []) throws -> Sample {
  var file = ConfigurationFile(bytes: bytes, path: "x.yaml", overrides: overrides)
  let model: Sample = file.read("model")
  let _: Sample = file.read("training")
  try file.finish()
  return model
}

private func problems(_ yaml: String, set overrides: [String] = []) -> [String] {
  problems(bytes: Array(yaml.utf8), set: overrides)
}

private func problems(bytes: [UInt8], set overrides: [String] = []) -> [String] {
  do {
    _ = try read(bytes: bytes, set: overrides)
    return []
  } catch {
    return "\(error)".split(separator: "\n").map(String.init)
  }
}

@Suite struct ConfigurationFileTests {
  @Test func readsBlocks() throws {
    let sample = try read(
      """
      # a comment
      model:
        width: 16      # another
        rate: 3e-4
        path: no
        norm: none
        seed: null
        names: [a, "b c"]
      training:
      """)
    #expect(sample == Sample(width: 16, rate: 3e-4, path: "no", norm: .none, seed: nil, names: ["a", "b c"]))
  }

  @Test func resolvedConfigurationIsReadBackExactly() throws {
    let hostile = [
      "", " a", "null", "1.5", "a: b", "- x", "# c", "\"\\\u{0}\u{7}\u{85}\u{2028}\u{FEFF}\r\n\t", "é🙂", "*a", "'",
    ]
    for text in hostile {
      let sample = Sample(
        width: 3, rate: 0.1 + 0.2, path: text, norm: .none, seed: nil, names: hostile, first: 0.5, second: 3)
      let yaml = sample.yamlLines(block: "model").joined(separator: "\n")
      #expect(try read(yaml) == sample, "\(yaml)")
    }
  }

  @Test func blocksMayBeNested() throws {
    let expected = Sample(first: 2, second: 3)
    #expect(try read("model:\n  parts:\n    first: {rate: 2}\n    second:\n      rate: 3") == expected)
    #expect(try read("model: {parts.first.rate: 2, parts: {second.rate: 3}}") == expected)
    #expect(
      try read("model: {parts: {first: }}", set: ["model.parts.first.rate=2", "model.parts.second.rate=3"]) == expected)
    #expect(
      problems("model:\n  parts:\n    first: 3\n    second: {rate: -1}\n    third: {rate: 1}\n    secnod.rate: 1") == [
        "x.yaml:3:5: key 'model.parts.first': expected a block of keys, found 3",
        "x.yaml:4:14: key 'model.parts.second.rate': expected a number ≥ 0, found -1.0",
        "x.yaml:5:5: key 'model.parts.third': expected a value, found a block of keys",
        "x.yaml:6:5: key 'model.parts.secnod.rate': unknown key; did you mean 'parts.second.rate'?",
      ])
    #expect(
      problems("model:\n  parts.first.rate: 1\n  parts: {first: {rate: 2}}") == [
        "x.yaml:3:19: key 'model.parts.first.rate': duplicate key, first on line 2"
      ])
  }

  @Test func overridesWinOverTheFileAndLaterOnesOverEarlier() throws {
    let overrides = [
      "model.rate=3e-4", "model.width=3", "model.width=4", "model.path=a=b: c", "model.names=x, y", "model.seed=",
    ]
    let sample = try read("model: {width: 2, path: q}", set: overrides)
    #expect(sample == Sample(width: 4, rate: 3e-4, path: "a=b: c", seed: nil, names: ["x", "y"]))
    #expect(try read("model: {names: [a]}", set: ["model.names=[]"]).names == [])
  }

  @Test func namesEveryProblemWithItsPlace() {
    let found = problems(
      """
      model:
        widht: 16
        rate: fast
        path: {a: 1}
        names: [a, [b]]
      trainnig: {seed: 1}
      training:
        seed: "1"
        ? [1, 2]
        : 3
        width: 65
      other: 3
      """,
      set: ["model.rat=1", "model.width=x", "width=3", "modle.width=3", "model.width"])
    #expect(
      found == [
        "x.yaml:2:3: key 'model.widht': unknown key; did you mean 'width'?",
        "x.yaml:3:3: key 'model.rate': expected a number > 0, found text 'fast'",
        "x.yaml:4:3: key 'model.path': expected text, found a block of keys",
        "x.yaml:5:3: key 'model.names': expected a text in the list, found a list",
        "x.yaml:6:1: key 'trainnig': unknown block; did you mean 'training'?",
        "x.yaml:8:3: key 'training.seed': expected an integer ≥ 0 or null, found text '1'",
        "x.yaml:9:5: key 'training': expected a key, found a list",
        "x.yaml:11:3: key 'training.width': expected an integer from 1 to 64, found 65",
        "x.yaml:12:1: key 'other': expected a block of keys, found 3",
        "--set: expected block.key=value, found 'width=3'",
        "--set: expected block.key=value, found 'model.width'",
        "--set: key 'model.rat': unknown key; did you mean 'rate'?",
        "--set: key 'model.width': expected an integer from 1 to 64, found text 'x'",
        "--set: key 'modle': unknown block; did you mean 'model'?",
      ])
  }

  @Test func placesContradictionsAtTheKeyThatWasWritten() {
    #expect(
      problems("model:\n  width: 13") == ["x.yaml:2:3: key 'model.width': expected a number of good luck, found 13"])
    #expect(
      problems("model:", set: ["model.width=13"]) == [
        "--set: key 'model.width': expected a number of good luck, found 13"
      ])
  }

  @Test(arguments: ["", "\n", "# only a comment\n", "---\n", "~", "\u{FEFF}"])
  func refusesEmptyFiles(_ yaml: String) {
    #expect(problems(yaml) == ["x.yaml: the file has no settings; expected blocks such as 'model:'"])
  }

  @Test func acceptsByteOrderMarkAndCarriageReturns() throws {
    #expect(try read("\u{FEFF}model:\r\n  width: 3\r\n").width == 3)
    #expect(try read("\u{FEFF}# a comment\nmodel:\n  width: 3\ntraining:\n  width: 4\n").width == 3)
    #expect(try read("\u{FEFF}model: {width: 3}\ntraining: {width: 4}\n").width == 3)
    #expect(try read("\u{FEFF}%YAML 1.1\n---\nmodel: {width: 3}\n").width == 3)
    #expect(
      problems("\u{FEFF}model: {widht: 3}") == ["x.yaml:1:9: key 'model.widht': unknown key; did you mean 'width'?"])
    #expect(
      problems(bytes: [0xFF, 0xFE, 0x6D, 0]) == [
        "x.yaml: expected UTF-8 text, found other bytes, which look like UTF-16; save it as UTF-8"
      ])
  }

  @Test func refusesMergeKeysInPlainWords() {
    let advice = "merge keys are not supported; write the keys of the other block here, with their values"
    #expect(
      problems("model: &m\n  width: 3\ntraining:\n  <<: *m\n  rate: 2\n") == [
        "x.yaml:4:3: key 'training.<<': \(advice)"
      ])
    #expect(problems("model: &m\n  width: 3\n<<: *m\n") == ["x.yaml:3:1: key '<<': \(advice)"])
  }

  @Test func refusesWhatIsNotYAML() {
    #expect(problems("just text") == ["x.yaml:1:1: expected blocks such as 'model:', found text 'just text'"])
    #expect(problems("[1, 2]") == ["x.yaml:1:1: expected blocks such as 'model:', found a list"])
    #expect(problems("model:\n\twidth: 3").first?.contains("x.yaml:2:1") == true)
    #expect(problems("model:\n\twidth: 3").first?.hasSuffix("(a tab; YAML is indented with spaces)") == true)
    #expect(problems("model:\n  width: 1\n  width: 2") == ["x.yaml:2:3: key 'width': duplicate key, first here"])
    #expect(problems("model: {").first?.hasPrefix("x.yaml:") == true)
    #expect(problems("model:\n---\nmodel:").first?.contains("another document") == true)
    #expect(problems("model: \u{0}").first?.hasPrefix("x.yaml:1: control characters") == true)
    #expect(
      problems(bytes: Array("model:\n  é".utf8) + [0xFF]) == ["x.yaml:2:4: expected UTF-8 text, found other bytes"])
    let large = [UInt8](repeating: 0x20, count: ConfigurationFile.largestByteCount + 1)
    #expect(problems(bytes: large) == ["x.yaml: expected at most 1048576 bytes, found more"])
  }

  @Test func followsAliasesUpToAFew() throws {
    #expect(try read("model:\n  width: &a 3\n  seed: *a\n").seed == 3)
    let many = "model:\n  width: &a 3\n  names: [" + String(repeating: "*a, ", count: 9) + "]"
    #expect(problems(many) == ["x.yaml: expected at most 8 aliases, found 9 times '*name'"])
    #expect(problems("model:\n  path: *a").first?.hasPrefix("x.yaml:2:9: found undefined alias") == true)
  }

  @Test(.timeLimit(.minutes(15)), arguments: hostileFiles)
  func survivesHostileFiles(_ file: HostileFile) {
    #expect(!problems(file.yaml).isEmpty)
  }

  @Test func survivesMutatedFiles() {
    let seed = Array(
      "model:\n  width: 3\n  names: [a, \"b\\u0041\"]\n  path: 'x' # c\n? {a: &b [*b, !!str c]}\n: |\n  t\n".utf8)
    var state: UInt64 = 1
    func next(below limit: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int((state >> 33) % UInt64(limit))
    }
    let indicators =
      Array("\n\t :-?[]{},&*!|>'\"%@`#\\\u{0}x0~=<".utf8) + [0xFF, 0xC3, 0xE2, 0x80, 0xA8, 0xEF, 0xBB, 0xBF]
    for _ in 0..<20_000 {
      var bytes = seed
      for _ in 0...next(below: 6) {
        let position = next(below: bytes.count)
        switch next(below: 3) {
        case 0: bytes[position] = indicators[next(below: indicators.count)]
        case 1: bytes.insert(indicators[next(below: indicators.count)], at: position)
        default: bytes.remove(at: position)
        }
      }
      // Reaching the next line is the claim: whatever the bytes are, the answer is a configuration or an error.
      _ = problems(bytes: bytes)
    }
  }
}

struct HostileFile: CustomTestStringConvertible {
  let testDescription: String
  let yaml: String
}

private let hostileFiles: [HostileFile] = {
  func times(_ text: String, _ count: Int) -> String { String(repeating: text, count: count) }
  let size = 1_000_000
  // Each level is a key that holds the level before twice.
  let bomb = "a0: &a0 [x, x]\n" + (1...40).map { "? &a\($0) [*a\($0 - 1), *a\($0 - 1)]\n: 0\n" }.joined()
  let smallBomb =
    "a0: &a0 [\(times("x, ", 300_000))]\n"
    + (1...4).map { "? &a\($0) [*a\($0 - 1), *a\($0 - 1)]\n: 0\n" }.joined()
  let values = "a0: &a0 [x, x]\n" + (1...4).map { "a\($0): &a\($0) [*a\($0 - 1), *a\($0 - 1)]\n" }.joined()
  return [
    HostileFile(testDescription: "deep lists", yaml: "model: " + times("[", size)),
    HostileFile(testDescription: "deep mappings", yaml: "model: " + times("{a: ", size / 4)),
    HostileFile(testDescription: "deep block lists", yaml: "model:\n  " + times("- ", size / 2)),
    HostileFile(testDescription: "deep keys", yaml: times("? ", size / 2)),
    HostileFile(testDescription: "deep blocks", yaml: (0..<1_200).map { times(" ", $0) + "a:\n" }.joined()),
    HostileFile(testDescription: "deep closed lists", yaml: "model: " + times("[", 990) + times("]", 990)),
    HostileFile(testDescription: "deep keys of keys", yaml: times("? ", 900) + "x"),
    HostileFile(testDescription: "alias bomb in keys", yaml: bomb),
    HostileFile(testDescription: "small alias bomb in keys", yaml: smallBomb),
    HostileFile(testDescription: "alias bomb in values", yaml: values),
    HostileFile(testDescription: "recursive anchor", yaml: "model: &a [*a]"),
    HostileFile(testDescription: "huge anchor", yaml: "model: &" + times("a", size) + " 3"),
    HostileFile(testDescription: "many anchors", yaml: (0..<60_000).map { "- &a\($0) x\n" }.joined()),
    HostileFile(testDescription: "huge key", yaml: times("k", size) + ": 3"),
    HostileFile(testDescription: "huge tag", yaml: "model: !<" + times("a", size) + "> 3"),
    HostileFile(testDescription: "many keys", yaml: "model:\n" + (0..<60_000).map { "  k\($0): 1\n" }.joined()),
    HostileFile(testDescription: "tabs", yaml: times("\t", size)),
    HostileFile(testDescription: "colons", yaml: times(":", size)),
    HostileFile(testDescription: "colons and spaces", yaml: times(": ", size / 2)),
    HostileFile(testDescription: "quotes", yaml: times("\"", size)),
    HostileFile(testDescription: "open keys", yaml: "model: [" + times("a, ", size / 3)),
    HostileFile(testDescription: "directives", yaml: times("%TAG !a! b\n", 90_000)),
    HostileFile(testDescription: "surrogate", yaml: "model: \"\\ud800\""),
    HostileFile(testDescription: "beyond Unicode", yaml: "model: \"\\UFFFFFFFF\""),
    HostileFile(testDescription: "bad percent tag", yaml: "model: !%ff%fe x"),
    HostileFile(testDescription: "documents", yaml: times("---\n", size / 4)),
  ]
}()
