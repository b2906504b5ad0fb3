import Configurations
import FoundationEssentials
import Testing

@Suite struct ConfigurationTableTests {
  @Test func takesOverEveryType() {
    var configuration = SampleConfiguration()
    let problems = configuration.apply(
      settings([
        "width": .integer(64), "heads": .null, "rate": .integer(1), "dropout": .number(0.5), "tied": .boolean(false),
        "cached": .boolean(true), "path": .text(""), "prompt": .text("And"), "norm": .text("layer"),
        "second_norm": .text("none"), "patterns": .list(["a", "b"]),
      ]), block: "model")
    #expect(problems.isEmpty)
    let expected = SampleConfiguration(
      width: 64, heads: nil, rate: 1, dropout: 0.5, tied: false, cached: true, path: "", prompt: "And", norm: .layer,
      secondNorm: SampleConfiguration.Norm.none, patterns: ["a", "b"])
    #expect(configuration == expected)
  }

  @Test func collectsEveryProblemAndKeepsTheRest() {
    var configuration = SampleConfiguration()
    let problems = configuration.apply(
      settings([
        "widht": .integer(1), "width": .text("wide"), "rate": .number(0), "norm": .text("rmss"),
        "tied": .boolean(false),
        "tied ": .null, "heads": .integer(0), "tied": .boolean(true), "zebra": .null, "patterns": .text("a"),
      ]), block: "model")
    #expect(
      problems.map(\.description) == [
        "x.yaml:1:3: key 'model.widht': unknown key; did you mean 'width'?",
        "x.yaml:2:3: key 'model.width': expected an integer from 1 to 65536, found text 'wide'",
        "x.yaml:3:3: key 'model.rate': expected a number > 0, found 0.0",
        "x.yaml:4:3: key 'model.norm': expected one of rms, layer, none, found text 'rmss'; did you mean 'rms'?",
        "x.yaml:6:3: key 'model.tied ': unknown key; did you mean 'tied'?",
        "x.yaml:7:3: key 'model.heads': expected an integer ≥ 1 or null, found 0",
        "x.yaml:8:3: key 'model.tied': duplicate key, first on line 5",
        "x.yaml:9:3: key 'model.zebra': unknown key",
        "x.yaml:10:3: key 'model.patterns': expected a list of texts, found text 'a'",
      ])
    #expect(configuration == SampleConfiguration(tied: false))
    #expect(ConfigurationError(problems: problems).description.split(separator: "\n").count == 9)
  }

  @Test(arguments: [Double.nan, .infinity, -.infinity])
  func refusesNumbersThatAreNotFinite(_ number: Double) {
    for range in [NumberRange.any, .above(0), .atLeast(-1), .between(0, 1)] {
      #expect(ConfigurationKind.number(range).objection(to: .number(number)) != nil)
    }
  }

  @Test func endsOfRangesAreOpenOrClosed() {
    #expect(!NumberRange.above(0).contains(0) && NumberRange.above(0).contains(.leastNonzeroMagnitude))
    #expect(NumberRange.atLeast(0).contains(0) && !NumberRange.atLeast(0).contains(-.leastNonzeroMagnitude))
    #expect(NumberRange.between(0, 1).contains(1) && !NumberRange.from(0, below: 1).contains(1))
    #expect(!NumberRange.above(0, upTo: 1).contains(0) && NumberRange.above(0, upTo: 1).contains(1))
    #expect(NumberRange.from(0, below: 1).described == " ≥ 0 and < 1")
    #expect(NumberRange.above(0.5).described == " > 0.5")
    #expect(NumberRange.any.described == "")
  }

  @Test func coversContradictionsBetweenKeys() {
    #expect(SampleConfiguration().contradictions.isEmpty)
    #expect(SampleConfiguration(width: 30).contradictions.map(\.key) == ["heads"])
  }

  @Test func jsonOfValuesComesBackExactly() throws {
    let configuration = SampleConfiguration(
      width: 7, heads: nil, rate: 0.1 + 0.2, dropout: .leastNonzeroMagnitude, prompt: "a\"\\\u{0}\n\u{2028}é🙂",
      patterns: ["", "x"])
    let data = try JSONEncoder().encode(configuration.values)
    let values = try JSONDecoder().decode([String: ConfigurationValue].self, from: data)
    var read = SampleConfiguration(width: 1, heads: 3, cached: false)
    let location = ConfigurationLocation(path: "model.safetensors")
    let found = values.map { ConfigurationSetting(name: $0.key, value: $0.value, location: location) }
    #expect(read.apply(found, block: "").isEmpty)
    #expect(read == configuration)
  }

  @Test func rendersResolvedYAML() {
    #expect(
      SampleConfiguration(rate: 1e-5, prompt: "And God", patterns: ["a.*", "b"]).yamlLines(block: "model") == [
        "model:", "  width: 512", "  heads: 8", "  rate: 1.0e-05", "  dropout: null", "  tied: true", "  cached: null",
        "  path: data/train.tokens", "  prompt: \"And God\"", "  norm: rms", "  second_norm: null",
        "  patterns: [\"a.*\", b]", "  parts:", "    first:", "      rate: 1.0", "      depth: null", "    second:",
        "      rate: 1.0",
      ])
  }

  @Test func aNameWithDotsIsThatOfNestedBlocks() {
    #expect(SampleConfiguration.isBlock("parts") && SampleConfiguration.isBlock("parts.first"))
    #expect(!SampleConfiguration.isBlock("part") && !SampleConfiguration.isBlock("parts.first.rate"))
  }

  @Test func rendersMarkdownTable() {
    let lines = SampleConfiguration.markdownTable.split(separator: "\n").map(String.init)
    #expect(lines.count == 2 + SampleConfiguration.keys.count)
    #expect(lines[0] == "| key | accepts | default | meaning |")
    #expect(lines[2] == "| `width` | an integer from 1 to 65536 | `512` | Model width D. |")
    #expect(lines[5] == "| `dropout` | a number ≥ 0 and < 1 or null | `null` | Dropout. |")
    #expect(lines[9] == "| `prompt` | text or null | `null` | A \\| prompt. |")
  }
}
