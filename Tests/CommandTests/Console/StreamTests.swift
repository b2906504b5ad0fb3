import Foundation
import Testing

extension CommandRuns {
  /// `-` and pipes, wherever a command reads or writes.
  @Suite struct StreamTests {
    private let workspace: Workspace

    init() throws {
      workspace = try Workspace()
      try workspace.write(#"{"prompt":"light"}"# + "\n" + #"{"prompt":"day","n":3}"# + "\n", "prompts.jsonl")
      try workspace.write("5 6 7\n", "ids")
      _ = try workspace.result("generate -m model.safetensors -q -p light -n 9 --undo-window 8 --state-out state")
    }

    /// Runs a command by a shell, so that the line may have pipes; gives back what it printed and what it wrote to `new`.
    private func result(_ line: String, sourceLocation: SourceLocation = #_sourceLocation) throws -> [String] {
      let running = try RunningBinary("\(line) >told", in: workspace.folder)
      #expect(running.status() == 0, "\(line): \(running.talk)", sourceLocation: sourceLocation)
      // Times differ, and names of what was read.
      let told = try workspace.text("told").split(separator: "\n").map(String.init).filter {
        !$0.hasPrefix("time ") && !$0.contains(" tokens of ")
      }
      let new = (try? workspace.bytes("new")).map { $0.base64EncodedString() } ?? ""
      try? FileManager.default.removeItem(at: workspace.folder.appendingPathComponent("new"))
      return told + [new]
    }

    @Test(arguments: [
      ("tokenize train --vocab-size 320 -o new --input @", "text.txt"),
      ("tokenize pack -m tokenizer.model -o new --input @", "text.txt"),
      ("tokenize pack --input text.txt -o new -m @", "tokenizer.model"),
      ("tokenize encode -m tokenizer.model @", "text.txt"), ("tokenize encode text.txt -m @", "tokenizer.model"),
      ("tokenize decode -m tokenizer.model @", "ids"), ("tokenize decode ids -m @", "tokenizer.model"),
      ("eval -m model.safetensors @", "text.txt"), ("eval -m model.safetensors @", "validation.tokens"),
      ("generate -m model.safetensors -n 5 -f @", "text.txt"),
      ("generate -m model.safetensors -n 5 --prompts @", "prompts.jsonl"),
      ("generate -m model.safetensors -n 5 --state-in @ --state-out new", "state"),
      ("convert model.safetensors -o new --dtype bf16 --report @", "text.txt"),
      ("convert model.safetensors -o new --tokenizer @", "tokenizer.model"),
      ("info @", "tokenizer.model"), ("info @", "train.tokens"), ("info @", "state"), ("state info @", "state"),
      ("state fork -o new -s 2 @", "state"), ("state undo @ 1 -m model.safetensors -o new", "state"),
      ("state diff @ state", "state"), ("verify model.safetensors --length 20 --file @", "text.txt"),
    ])
    func inputsMayBeStreams(_ line: String, _ file: String) throws {
      let expected = try result(line.replacing("@", with: file))
      #expect(expected != [""])
      let piped = line.replacing("@", with: "-")
      #expect(try result("\(piped) < <(cat \(file))") == expected)
      #expect(try result("\(piped) <\(file)") == expected)
      #expect(try result(line.replacing("@", with: "<(cat \(file))")) == expected)
    }

    @Test func configurationsMayBeStreams() throws {
      for (line, name) in [
        ("train -q --max-steps 1 --config config.yaml -o", "a"),
        ("train -q --max-steps 1 --config - < <(cat config.yaml) -o", "b"),
        ("train -q --max-steps 1 --config <(cat config.yaml) -o", "c"),
      ] {
        _ = try result("\(line) \(name)")
        #expect(try workspace.bytes("\(name)/config.yaml") == workspace.bytes("a/config.yaml"))
      }
      _ = try result("bench train -q -t 1 -r 1 --output-format json --config - <config.yaml")
      try FileManager.default.moveItem(
        at: workspace.folder.appendingPathComponent("told"), to: workspace.folder.appendingPathComponent("base.json"))
      let base = "<(sed 's/standard input/config.yaml/' base.json)"
      _ = try result("bench train -q -t 1 -r 1 --config config.yaml --max-slowdown 99.9% --compare \(base)")
      // A stream has no name to call the run by.
      try workspace.expectFailure("train --config -", status: 64, "--output: expected a run folder")
      let run = try workspace.run("train --config - -o new", input: "model:\n  widht: 8\n")
      #expect(run.status == 78)
      #expect(run.talk.contains("error: standard input:2:3: key 'model.widht'"), "\(run.talk)")
    }

    @Test(arguments: [
      "generate -m @ -p light", "eval -m @ text.txt", "convert @ -o new", "verify @", "info @", "bench generate -m @",
      "train --config config.yaml -o new --init-from @",
      "train --config config.yaml -o new --set data.train=@",
    ])
    func whatIsReadInAnyOrderIsAFile(_ line: String) throws {
      let message = "expected a file, as it is read in any order and more than once, found a stream; save it"
      let file = line.contains("data.train") ? "train.tokens" : "model.safetensors"
      let running = try RunningBinary("\(line.replacing("@", with: "-")) -q <\(file)", in: workspace.folder)
      #expect(running.status() == 66)
      #expect(running.talk.hasPrefix("error: standard input: \(message)"), "\(running.talk)")
      let pipe = "<(cat \(file) 2>/dev/null)"
      let piped = try RunningBinary("\(line.replacing("@", with: pipe)) -q", in: workspace.folder)
      #expect(piped.status() == 66)
      #expect(piped.talk.hasPrefix("error: /dev/fd/") && piped.talk.contains(message), "\(piped.talk)")
      #expect(piped.talk.split(separator: "\n").count == 1)
    }

    @Test(arguments: [
      ("tokenize pack -m - --input - -o new", "--input: expected standard input once, found it also for --model"),
      ("tokenize train --vocab-size 320 --input - text.txt - -o new", "expected standard input once, found it twice"),
      ("eval -m model.safetensors - /dev/stdin", "FILE: expected standard input once, found it twice"),
      ("state diff - -", "SECOND: expected standard input once, found it also for FIRST"),
      ("generate -m model.safetensors -p - --state-in -", "--state-in: expected standard input once"),
      ("generate -m model.safetensors --follow --state-in -", "--follow: expected standard input once"),
      ("convert model.safetensors -o new --report - --tokenizer -", "--tokenizer: expected standard input once"),
    ])
    func standardInputIsReadOnce(_ line: String, _ message: String) throws {
      try workspace.expectFailure(line, status: 64, message)
    }

    @Test(arguments: [
      "tokenize train --vocab-size 320 --input text.txt -o", "tokenize pack -m tokenizer.model --input text.txt -o",
      "convert model.safetensors --dtype bf16 -o", "state fork state -s 2 -o",
      "state undo state 1 -m model.safetensors -o",
    ])
    func outputsMayBeStandardOutput(_ line: String) throws {
      _ = try workspace.result("\(line) file")
      for name in ["-", "/dev/stdout"] {
        let run = try workspace.run("\(line) \(name)")
        #expect(run.status == 0, "\(run.talk)")
        #expect(run.output == (try workspace.bytes("file")))
        if name == "-" { #expect(run.talk.contains("standard output: "), "\(run.talk)") }
      }
      let piped = try RunningBinary("\(line) - > >(cat >piped; : >done)", in: workspace.folder)
      #expect(piped.status() == 0)
      let done = workspace.folder.appendingPathComponent("done").path
      for _ in 0..<5_000 where !FileManager.default.fileExists(atPath: done) { usleep(2_000) }
      #expect(try workspace.bytes("piped") == workspace.bytes("file"))
      #expect(!FileManager.default.fileExists(atPath: workspace.folder.appendingPathComponent("-").path))
    }

    @Test(arguments: [
      ("train --config config.yaml -o -", "--output: expected a folder, found '-', which is standard output"),
      ("generate -m model.safetensors --state-out -", "--state-out: expected a file, as standard output has the text"),
      ("convert model.safetensors -o - --report text.txt", "--output: expected a file, as standard output has what"),
      ("convert model.safetensors -o /dev/stdout --verify", "--output: expected a file, as standard output has what"),
      (
        "tokenize pack -m tokenizer.model --input text.txt --documents line --validation-fraction 0.5 -o - "
          + "--validation-output /dev/stdout",
        "--validation-output: expected another output than --output, found standard output for both"
      ),
    ])
    func standardOutputThatHasOtherWork(_ line: String, _ message: String) throws {
      try workspace.expectFailure(line, status: 64, message)
    }

    @Test func filesBehindStandardStreamsAreKnown() throws {
      let line = "tokenize pack -m tokenizer.model --input"
      for redirected in ["\(line) - <text.txt -o text.txt", "\(line) text.txt -o - >>text.txt"] {
        let running = try RunningBinary(redirected, in: workspace.folder)
        #expect(running.status() == 64)
        #expect(running.talk.hasPrefix("error: --output: expected another file than --input"), "\(running.talk)")
      }
      #expect(try workspace.text("text.txt") == TinyProject.text)
    }

    @Test func aTerminalGetsNoBytes() throws {
      let terminal = try TerminalBinary("convert model.safetensors -o -", in: workspace.folder)
      #expect(try terminal.status() == 64)
      #expect(terminal.screen.contains("--output: expected a file, or a pipe behind standard output,"))
    }

    @Test func aFileOfThatNameHasAFolder() throws {
      try workspace.write(workspace.bytes("text.txt"), "-")
      let expected = try workspace.result("tokenize encode -m tokenizer.model text.txt")
      #expect(try workspace.result("tokenize encode -m tokenizer.model ./-") == expected)
    }
  }
}
