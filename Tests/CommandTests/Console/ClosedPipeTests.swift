import Foundation
import Testing

extension CommandRuns {
  /// A reader that goes away ends `generate` quietly, however much was asked for.
  @Suite struct ClosedPipeTests {
    private let workspace: Workspace
    private static let line = "generate -m model.safetensors --ignore-eos -q -p light"
    /// More than any test waits for.
    private static let endless = "-n 1000000000"

    init() throws { workspace = try Workspace() }

    private func expectQuietEnd(_ line: String, reader: String) throws {
      let running = try RunningBinary("\(line) > >(\(reader))", in: workspace.folder)
      #expect(running.status() == 0)
      #expect(running.talk == "")
    }

    @Test(arguments: ["", "--json", "--num-samples 3", "--num-samples 3 --json", "--beams 2"])
    func textsThatNobodyReadsEnd(_ flags: String) throws {
      try expectQuietEnd("\(Self.line) \(Self.endless) \(flags)", reader: "true")
    }

    @Test func aTextThatIsCutEnds() throws {
      try expectQuietEnd("\(Self.line) \(Self.endless)", reader: "head -c 20 >told")
      #expect(try workspace.bytes("told").count == 20)
    }

    @Test func aListThatIsCutEnds() throws {
      let lines = [#"{"prompt":"a","n":3}"#, #"{"prompt":"b","n":1000000000}"#]
      try workspace.write(lines.joined(separator: "\n"), "list.jsonl")
      let line = "generate -m model.safetensors --ignore-eos -q --prompts list.jsonl"
      try expectQuietEnd(line, reader: "head -n 1 >told")
      #expect(try workspace.text("told").hasPrefix("{"))
      #expect(try workspace.text("told").hasSuffix("}\n"))
    }

    @Test func linesThatNobodyReadsAreNotFollowed() throws {
      // The input has no end.
      let line = "generate -m model.safetensors -q --follow < <(yes light 2>/dev/null)"
      try expectQuietEnd(line, reader: "head -n 1 >told")
      #expect(try workspace.text("told").hasSuffix("\tlight\n"))
    }

    @Test func aConversationThatNobodyReadsEndsWithItsState() throws {
      let line = "generate -m model.safetensors --ignore-eos -q -i \(Self.endless) --state-out left"
      let terminal = try TerminalBinary("\(line) > >(head -c 20 >told)", in: workspace.folder)
      try terminal.wait(for: "> ")
      try terminal.type("light\r")
      #expect(try terminal.status() == 0)
      #expect(try workspace.result("state info left").contains("tokens"))
    }

    @Test(arguments: ["", " --json"])
    func theStateOfWhatWasMadeIsLeft(_ flags: String) throws {
      func tokens(_ state: String) throws -> Int {
        let info = try workspace.result("state info \(state) --json")
        let object = try JSONSerialization.jsonObject(with: Data(info.utf8)) as? [String: Any]
        return try #require(object?["tokens"] as? Int)
      }
      try expectQuietEnd("\(Self.line) \(Self.endless) --state-out left\(flags)", reader: "true")
      _ = try workspace.result("\(Self.line) -n 0 --state-out prompt")
      let made = try tokens("left") - tokens("prompt")
      #expect(made > 0)
      _ = try workspace.result("\(Self.line) -n \(made) --state-out whole")
      #expect(try workspace.bytes("left") == workspace.bytes("whole"))
    }
  }
}
