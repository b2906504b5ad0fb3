import Configurations
import Corpora
import FoundationEssentials
import Testing

@Suite struct DataFilesTests {
  @Test(arguments: [
    DataFiles(), DataFiles([.init(path: "a.tokens")]), DataFiles([.init(path: "a", weight: 2)]),
    DataFiles([.init(path: "a"), .init(path: "b c: d")]),
    DataFiles([.init(path: "a", weight: 1), .init(path: "b", weight: 0.1)]),
  ])
  func comeBackFromJSONAndFromTheTable(_ files: DataFiles) throws {
    let bytes = try JSONEncoder().encode(files.configurationValue)
    let value = try JSONDecoder().decode(ConfigurationValue.self, from: bytes)
    #expect(DataFiles(value) == files)
    var configuration = DataConfiguration()
    let setting = ConfigurationSetting(
      name: "train", value: value, location: ConfigurationLocation(path: "x.yaml"))
    #expect(configuration.apply([setting], block: "data").isEmpty)
    #expect(configuration.train == files)
  }

  @Test func aPathAloneStaysAText() {
    #expect(DataFiles([.init(path: "a.tokens")]).configurationValue.yaml == "a.tokens")
    #expect(
      DataFiles([.init(path: "a", weight: 2), .init(path: "b c", weight: 0.5)]).configurationValue.yaml
        == "[{path: a, weight: 2.0}, {path: \"b c\", weight: 0.5}]")
    #expect(DataFiles([.init(path: "a"), .init(path: "b")]).configurationValue.yaml == "[{path: a}, {path: b}]")
  }

  @Test(
    arguments: [
      (["path": .text("a"), "wieght": .number(1)], "entry 1: unknown key 'wieght'; did you mean 'weight'?"),
      (
        ["path": .text("a"), "weight": .text("x")],
        "entry 1: weight: expected a number > 0 and ≤ 1000000000, found text 'x'"
      ),
      (["path": .number(3)], "entry 1: path: expected text, found 3.0"),
      (["weight": .number(1)], "entry 1: expected a path, found none"),
    ] as [([String: ConfigurationValue], String)])
  func whatIsWrongInARecordIsNamed(_ record: [String: ConfigurationValue], _ message: String) {
    #expect(DataConfiguration.key(named: "train")?.kind.objection(to: .records([record])) == message)
  }
}
