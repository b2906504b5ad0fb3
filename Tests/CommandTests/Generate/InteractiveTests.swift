import Foundation
import Testing

extension CommandRuns {
  /// `generate -i` as a person at a terminal sees it.
  @Suite struct InteractiveTests {
    private let workspace: Workspace
    private static let line = "generate -m model.safetensors --ignore-eos -q -i --temp 0"

    init() throws { workspace = try Workspace() }

    /// A terminal with the program at its first prompt.
    private func start(_ line: String = Self.line + " -n 9", output: String? = nil) throws -> TerminalBinary {
      let terminal = try TerminalBinary(line, in: workspace.folder, output: output)
      try terminal.wait(for: "> ")
      return terminal
    }

    /// Writes the state at the prompt, and gives back the file's bytes.
    private func save(_ terminal: TerminalBinary, _ name: String) throws -> Data {
      try terminal.type("/save \(name)\r")
      try terminal.wait(for: "\(name): ")
      try terminal.wait(for: "> ")
      return try workspace.bytes(name)
    }

    private func state(of text: String, count: Int) throws -> Data {
      let arguments =
        "generate -m model.safetensors --ignore-eos -q --temp 0 -n \(count) --undo-window 1024 --state-out direct"
      let run = try workspace.run(arguments.split(separator: " ").map(String.init) + ["-p", text])
      #expect(run.status == 0, "\(run.talk)")
      return try workspace.bytes("direct")
    }

    /// Each edits a line so that it says "And the light": the state tells what was read.
    @Test(arguments: [
      ("typed", "And the light"),
      ("backspace", "And thx\u{7F}e light"),
      ("left", "And th light\u{1B}[D\u{1B}[D\u{1B}[D\u{1B}[D\u{1B}[D\u{1B}[De"),
      ("home and end", "d the\u{1B}[HAn\u{1B}[F light"),
      ("Ctrl-A and Ctrl-E", "the\u{1}And \u{5} light"),
      ("Ctrl-K", "And the light of day\u{1B}[D\u{1B}[D\u{1B}[D\u{1B}[D\u{1B}[D\u{1B}[D\u{1B}[D\u{B}"),
      ("Ctrl-U", "gone\u{15}And the light"),
      ("Ctrl-W", "And the darkness\u{17}light"),
      ("delete", "xAnd the light\u{1}\u{1B}[3~"),
      ("word left", "And light\u{1B}[1;5Dthe "),
      ("across a character of three bytes and two columns", "And the \u{4E2D}\u{1B}[D\u{1B}[3~light"),
      ("after Ctrl-C", "something else\u{3}And the light"),
      ("paste", "\u{1B}[200~And the light\u{1B}[201~"),
    ])
    func keysEditTheLine(_ name: String, _ keys: String) throws {
      let terminal = try start()
      if let cut = keys.firstIndex(of: "\u{3}") {
        try terminal.type(String(keys[..<cut]))
        try terminal.wait(for: "else")
        try terminal.type("\u{3}")
        try terminal.wait(for: "> ")
        try terminal.type(String(keys[keys.index(after: cut)...]) + "\r")
      } else {
        try terminal.type(keys + "\r")
      }
      try terminal.wait(for: "> ")
      #expect(try save(terminal, "typed") == state(of: "And the light", count: 9), "\(name)")
      try terminal.type("\u{4}")
      #expect(try terminal.status() == 0)
    }

    @Test func pastedLinesAndUnicodeAreReadAsTheyAre() throws {
      let terminal = try start()
      let text = "First žluť\nsecond \u{1F40E}\tline"
      try terminal.type("\u{1B}[200~\(text.replacing("\n", with: "\r"))\u{1B}[201~\r")
      try terminal.wait(for: "line")
      try terminal.wait(for: "> ")
      #expect(try save(terminal, "pasted") == state(of: text, count: 9))
      // The same by lines that end in a backslash.
      try terminal.type("/reset\r")
      try terminal.wait(for: "nothing read")
      try terminal.wait(for: "> ")
      try terminal.type("First žluť\\\r")
      try terminal.wait(for: ". ")
      try terminal.type("second \u{1F40E}\u{16}\tline\r")
      try terminal.wait(for: "> ")
      #expect(try save(terminal, "typed") == workspace.bytes("pasted"))
    }

    @Test func theArrowBringsBackEarlierLines() throws {
      let terminal = try start()
      for line in ["And the light", "upon the deep"] {
        try terminal.type("\(line)\r")
        try terminal.wait(for: "> ")
      }
      try terminal.type("/reset\r")
      try terminal.wait(for: "nothing read")
      try terminal.wait(for: "> ")
      try terminal.type("\u{1B}[A\u{1B}[A\u{1B}[A\u{1B}[B\u{1B}[A\r")
      try terminal.wait(for: "> ")
      #expect(try save(terminal, "again") == state(of: "And the light", count: 9))
    }

    @Test func undoGoesBackToTheBit() throws {
      let terminal = try start()
      try terminal.type("And the light\r")
      try terminal.wait(for: "> ")
      let first = try save(terminal, "first")
      for line in ["upon the deep", "", "there was morning"] {
        try terminal.type("\(line)\r")
        try terminal.wait(for: "> ")
      }
      for _ in 0..<3 {
        try terminal.type("/undo\r")
        try terminal.wait(for: " tokens are left")
        try terminal.wait(for: "> ")
      }
      #expect(try save(terminal, "undone") == first)
      try terminal.type("/undo 4\r")
      try terminal.wait(for: "undid 4 tokens; ")
      try terminal.wait(for: " tokens are left")
      try terminal.wait(for: "> ")
      #expect(try save(terminal, "shorter") == state(of: "And the light", count: 5))
      try terminal.type("/undo 900\r")
      try terminal.wait(for: "/undo: expected at most ")
      try terminal.type("/reset\r")
      try terminal.wait(for: "nothing read")
      try terminal.wait(for: "> ")
      try terminal.type("And the light\r")
      try terminal.wait(for: "> ")
      #expect(try save(terminal, "again") == first)
    }

    /// Texts start from a trained state as from nothing.
    @Test func resetGoesBackToATrainedState() throws {
      _ = try workspace.result(
        "train --config config.yaml -q -o tuned --init-from model.safetensors --set training.state_tuning=true "
          + "--set training.learning_rate=0.1")
      func say(_ terminal: TerminalBinary, _ name: String) throws -> Data {
        try terminal.type("And the light\r")
        try terminal.wait(for: "> ")
        return try save(terminal, name)
      }
      let terminal = try start(Self.line + " -n 9 --state-in tuned/last.state.safetensors")
      let first = try say(terminal, "first")
      #expect(try first != state(of: "And the light", count: 9))
      try terminal.type("/reset\r")
      try terminal.wait(for: "nothing read")
      try terminal.wait(for: "> ")
      #expect(try say(terminal, "again") == first)
      // A state that was read from says no more where it began.
      try terminal.type("/load again\r")
      try terminal.wait(for: "again: ")
      try terminal.wait(for: "> ")
      try terminal.type("/reset\r")
      try terminal.wait(for: "nothing read")
      try terminal.wait(for: "> ")
      #expect(try say(terminal, "plain") == state(of: "And the light", count: 9))
    }

    @Test func aStateIsLoadedAndGoesOn() throws {
      let arguments = "generate -m model.safetensors --ignore-eos -q --temp 0 -n 20 --state-out before -p light"
      _ = try workspace.result(arguments)
      let whole = try workspace.result("generate -m model.safetensors --ignore-eos -q --temp 0 -n 29 -p light")
      let text = try workspace.result(arguments)
      // Standard output in a file: texts go there, and nothing else does.
      let terminal = try start(output: "told")
      try terminal.type("/load before\r")
      try terminal.wait(for: "before: ")
      try terminal.wait(for: "> ")
      try terminal.type("\r")
      try terminal.wait(for: "> ")
      try terminal.type("/load missing\r")
      try terminal.wait(for: "error: missing: no such file")
      // Outside of the editor, Ctrl-D is no key.
      try terminal.wait(for: "> ")
      try terminal.type("\u{4}")
      #expect(try terminal.status() == 0)
      #expect(String(text.dropLast()) + (try workspace.text("told")) == whole)
    }

    @Test func controlCStopsTheTextAndNotTheProgram() throws {
      let terminal = try start(Self.line + " -n 100000000 --state-out left")
      try terminal.type("And the light\r")
      try terminal.wait(forBytes: 1_000)
      try terminal.type("\u{3}")
      try terminal.wait(for: "\r\n\u{1B}[?2004h")
      try terminal.wait(for: "> ")
      try terminal.type("/help\r")
      try terminal.wait(for: "/undo [N]")
      try terminal.wait(for: "> ")
      try terminal.type("\u{3}")
      #expect(try terminal.status() == 0)
      #expect(try workspace.result("state info left").contains("tokens"))
    }

    /// Keys and Ctrl-C as fast as they can come: the system throws away keys that were not yet read when Ctrl-C comes.
    @Test func noControlCIsLost() throws {
      let terminal = try start()
      for _ in 0..<200 {
        try terminal.type("something else")
        try terminal.wait(for: "s")
        try terminal.type("\u{3}")
        try terminal.wait(for: "\r\n")
        try terminal.wait(for: "> ")
      }
      try terminal.type("And the light\r")
      try terminal.wait(for: "> ")
      #expect(try save(terminal, "typed") == state(of: "And the light", count: 9))
    }

    @Test(arguments: [
      ("", SIGTERM, Int32(143)), (" --state-out left", SIGTERM, 75), ("", SIGHUP, 129),
      (" --state-out left", SIGHUP, 75),
    ])
    func terminationEndsIt(_ flag: String, _ number: Int32, _ status: Int32) throws {
      let terminal = try start(Self.line + " -n 3" + flag)
      try terminal.type("half a line")
      try terminal.wait(for: "line")
      terminal.signal(number)
      #expect(try terminal.status() == status)
    }

    /// The window is closed: at the prompt, while a text is made, and where nobody types.
    @Test(arguments: ["-i -n 3", "-i -n 100000000", "-p light -n 100000000", "--follow"])
    func aTerminalThatIsClosedLeavesTheState(_ flags: String) throws {
      let terminal = try TerminalBinary(
        "generate -m model.safetensors --ignore-eos -q --state-out left \(flags)", in: workspace.folder)
      if flags.hasPrefix("-i") { try terminal.wait(for: "> ") }
      if flags == "--follow" {
        try terminal.type("And the light\n")
        try terminal.wait(for: "\tAnd the light")
      } else if flags.hasSuffix("000") {
        if flags.hasPrefix("-i") { try terminal.type("And the light\r") }
        try terminal.wait(forBytes: 1_000)
      }
      terminal.hangUp()
      #expect(try terminal.status() == 75)
      #expect(try workspace.result("state info left").contains("tokens"))
    }

    /// As a shell does with Ctrl-Z and `fg`.
    @Test func aProgramThatWasStoppedShowsItsPromptAgain() throws {
      let terminal = try start()
      try terminal.type("the")
      try terminal.wait(for: "the")
      for _ in 0..<50 {
        terminal.signal(SIGSTOP)
        try terminal.takeOverByShell()
        terminal.signal(SIGCONT)
        try terminal.wait(for: "> the")
      }
      try terminal.type("\u{1}And \u{5} light\r")
      try terminal.wait(for: "> ")
      #expect(try save(terminal, "stopped") == state(of: "And the light", count: 9))
    }

    @Test func commandsSayWhatIsWrong() throws {
      let terminal = try start()
      for (line, answer) in [
        ("/temp", "temperature 0.0"), ("/temp 0.7", "temperature 0.7"),
        ("/temp -1", "error: /temp: expected a number ≥ 0, found '-1'"), ("/lod x", "hint: did you mean '/load'?"),
        ("/xyzzy", "error: unknown command '/xyzzy'"), ("/save", "error: /save: expected a file, found none"),
        ("/save no/where", "error: no/where: cannot create"),
        ("/load text.txt", "error: text.txt: "), ("/undo x", "error: /undo: expected a number of tokens"),
        ("/undo", "error: /undo: no line was typed"),
      ] {
        try terminal.type(line + "\r")
        try terminal.wait(for: answer)
        try terminal.wait(for: "> ")
      }
      terminal.resize(columns: 20)
      try terminal.type("/temp 0\r")
      try terminal.wait(for: "temperature 0.0")
      try terminal.wait(for: "> ")
      try terminal.type("//light\r")
      try terminal.wait(for: "> ")
      #expect(try save(terminal, "slash") == state(of: "/light", count: 9))
      try terminal.type("/quit\r")
      #expect(try terminal.status() == 0)
    }

    @Test func whatIsNoTerminalIsRefused() throws {
      try workspace.expectFailure(
        "generate -m model.safetensors -i", status: 64, "--interactive: expected a terminal as standard input")
      try workspace.expectFailure(
        "generate -m model.safetensors -i --json", status: 64, "'--interactive' cannot be used with '--prompts'")
    }
  }
}
