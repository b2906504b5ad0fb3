import Foundation
import Testing

extension CommandRuns {
  @Suite struct FollowTests {
    private let workspace: Workspace
    private static let line = "generate -m model.safetensors --follow -q"

    init() throws { workspace = try Workspace() }

    private func reports(_ text: String) throws -> [[String: Any]] {
      try text.split(separator: "\n").map {
        try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
      }
    }

    @Test func linesTogetherCostWhatTheTextCosts() throws {
      let text = String(TinyProject.text.prefix(4_000)) + "\n\nŽlutý kůň \u{1F40E}\nno newline at the end"
      try workspace.write(text, "short.txt")
      let lines = try reports(try workspace.result("\(Self.line) --json", input: text))
      let expected = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
      #expect(lines.compactMap { $0["text"] as? String } == expected)
      #expect(lines.compactMap { $0["line"] as? Int } == Array(1...expected.count))
      #expect(lines.reduce(0) { $0 + ($1["bytes"] as? Int ?? 0) } == text.utf8.count)
      let bits = lines.reduce(0.0) { $0 + ($1["bits_per_byte"] as? Double ?? 0) * Double($1["bytes"] as? Int ?? 0) }
      // Recurrent form here, chunkwise there; and eval counts the end of the document as a token.
      let whole = try reports(
        try workspace.result("eval -m model.safetensors short.txt --json -q").replacing("\n", with: ""))
      let eval = try #require(whole.first)
      let (perByte, loss) = (eval["bits_per_byte"] as? Double ?? 0, eval["loss"] as? Double ?? 0)
      let tokens = lines.reduce(0) { $0 + ($1["tokens"] as? Int ?? 0) }
      #expect(eval["tokens"] as? Int == tokens + 1)
      let evalBits = perByte * Double(text.utf8.count)
      // The cost of that one token is between nothing and twenty times the mean.
      #expect(bits < evalBits * 1.000_01)
      #expect(bits > evalBits - 20 * loss / 0.693)
      let plain = try workspace.result(Self.line, input: text)
      #expect(plain.split(separator: "\n").count == expected.count)
      #expect(plain.hasSuffix("\tno newline at the end\n"))
    }

    @Test func theStateIsCarriedAcrossLinesAndRuns() throws {
      let text = String(TinyProject.text.prefix(3_000))
      let cut = try #require(text.prefix(1_100).lastIndex(of: "\n"))
      let (first, second) = (String(text[...cut]), String(text[text.index(after: cut)...]))
      let whole = try workspace.result("\(Self.line) --state-out whole", input: text)
      let start = try workspace.result("\(Self.line) --state-out start", input: first)
      let rest = try workspace.result("\(Self.line) --state-in start --state-out end -t 1", input: second)
      #expect(start + rest == whole)
      #expect(try workspace.bytes("end") == workspace.bytes("whole"))
      // The same state as that of a prompt, so that generation can go on from it.
      try workspace.write(text, "prompt.txt")
      _ = try workspace.result("generate -m model.safetensors -q -f prompt.txt -n 0 --state-out read")
      #expect(try workspace.bytes("read") == workspace.bytes("whole"))
      // What came before makes a line less of a surprise, or more; never the same.
      #expect(try workspace.result(Self.line, input: second) != rest)
    }

    @Test func bytesThatAreNoTextAreFollowedToo() throws {
      let input = Data([0xFF, 0x41, 0x0A, 0x00, 0x0A, 0x0A])
      let run = try runBinary(
        Self.line.split(separator: " ").map(String.init), input: input, in: workspace.folder)
      #expect(run.status == 0)
      let lines = run.output.split(separator: 0x0A, omittingEmptySubsequences: false)
      #expect(lines.count == 4 && lines[3].isEmpty)
      #expect(lines[0].suffix(3) == Data([0x09, 0xFF, 0x41]))
      #expect(try workspace.result(Self.line, input: "") == "")
    }

    @Test func aReaderThatGoesAwayEndsIt() throws {
      let run = try workspace.run("\(Self.line) --state-out left", input: TinyProject.text, output: .closedPipe)
      #expect(run.status == 0)
      #expect(run.talk == "")
      #expect(FileManager.default.fileExists(atPath: workspace.folder.appendingPathComponent("left").path))
    }

    @Test func aSignalLeavesTheState() throws {
      let fifo = workspace.folder.appendingPathComponent("fifo").path
      try #require(unsafe mkfifo(fifo, 0o600) == 0)
      for (flag, number, status) in [
        ("", SIGTERM, Int32(143)), (" --state-out left", SIGTERM, 75), ("", SIGHUP, 129),
        (" --state-out left", SIGHUP, 75),
      ] {
        // Opened for both, so that neither end waits for the other and the input does not end.
        let descriptor = unsafe open(fifo, O_RDWR | O_CLOEXEC)
        defer { close(descriptor) }
        let running = try RunningBinary(
          "\(Self.line)\(flag) <fifo >told", in: workspace.folder)
        _ = unsafe Array("And the light\n".utf8).withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
        try running.wait { (try? workspace.text("told").hasSuffix("\tAnd the light\n")) == true }
        running.signal(number)
        #expect(running.status() == status)
        try FileManager.default.removeItem(at: workspace.folder.appendingPathComponent("told"))
      }
      #expect(try workspace.result("state info left").contains("tokens"))
    }

    @Test func whatDoesNotGoTogetherIsRefused() throws {
      for (flags, message) in [
        ("-p a", "'--follow' cannot be used with '-p'"),
        ("--num-samples 2", "'--num-samples'"), ("--stop a", "'--follow' cannot be used with '--stop' or '--logprobs'"),
        ("-i", "'--interactive' and '--follow' cannot be used together"),
      ] {
        try workspace.expectFailure("generate -m model.safetensors --follow \(flags)", status: 64, message)
      }
    }
  }
}
