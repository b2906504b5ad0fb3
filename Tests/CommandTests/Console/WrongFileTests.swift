import Foundation
import Testing

extension CommandRuns {
  /// A file of another kind than the place takes is told by what it is, what was expected, and what helps.
  @Suite struct WrongFileTests {
    private let workspace: Workspace

    /// Every place of every command that reads a file (FILE), the words for what it takes, and the kinds that it reads or
    /// whose reader says more.
    private static let places: [(line: String, expected: String, takes: Set<String>)] = [
      ("tokenize train --vocab-size 300 -o new --input FILE", "a text", ["text", "jsonl", "html", "empty", "gzip"]),
      ("tokenize pack -m tokenizer.model -o new --input FILE", "a text", ["text", "jsonl", "html", "empty", "gzip"]),
      (
        "tokenize pack -m tokenizer.model -o new --invalid bytes --input FILE", "a text",
        ["text", "jsonl", "html", "empty", "gzip"]
      ),
      ("tokenize pack -m FILE -o new --input text.txt", "a tokenizer", ["tokenizer", "model"]),
      (
        "tokenize pack -m tokenizer.model -o new --input text.txt --chat-field m --chat-template FILE",
        "a configuration file", ["text", "empty", "jsonl"]
      ),
      (
        "tokenize pack -m tokenizer.model -o new --chat-field m --input FILE", "a text",
        ["text", "jsonl", "html", "empty", "gzip"]
      ),
      (
        "generate -m model.safetensors -p x --chat --chat-template FILE", "a configuration file",
        ["text", "empty", "jsonl"]
      ),
      ("tokenize encode -m FILE text.txt", "a tokenizer", ["tokenizer", "model"]),
      ("tokenize encode -m tokenizer.model FILE", "a text", ["text", "jsonl", "html", "empty", "gzip"]),
      ("tokenize decode -m FILE text.txt", "a tokenizer", ["tokenizer", "model"]),
      ("tokenize decode -m tokenizer.model FILE", "ids as text", ["text", "empty", "gzip"]),
      ("tokenize import -m FILE --input ids.bin -o new", "a tokenizer", ["tokenizer", "model"]),
      ("tokenize import -m tokenizer.model --input FILE -o new", "token ids of llm.c (.bin)", []),
      ("tokenize export FILE -o new", "a token file", ["tokens"]),
      ("tokenize stats -m FILE text.txt", "a tokenizer", ["tokenizer", "model"]),
      ("tokenize stats -m tokenizer.model FILE", "a text", ["text", "jsonl", "html", "empty", "gzip"]),
      ("train --config FILE -o new", "a configuration file", ["text", "empty", "jsonl"]),
      ("train --config config.yaml -o new --init-from FILE", weights, ["model", "zip", "jsonl"]),
      ("train --config config.yaml -o new --set data.train=FILE", "a token file", ["tokens"]),
      ("train --config config.yaml -o new --set data.tokenizer=FILE", "a tokenizer", ["tokenizer"]),
      ("eval -m FILE text.txt", "a model file", ["model"]),
      ("eval -m model.safetensors FILE", "a text", ["text", "jsonl", "html", "empty", "gzip", "tokens"]),
      ("eval -m model.safetensors text.txt --compare FILE", "what retnet eval --json prints", ["text", "empty"]),
      ("generate -m FILE -p x", "a model file", ["model"]),
      ("serve -m FILE --port 0", "a model file", ["model"]),
      (
        "serve -m model.safetensors --port 0 --api-key-file FILE", "a text", ["text", "jsonl", "html", "empty", "gzip"]
      ),
      ("generate -m model.safetensors -f FILE -n 1", "a text", ["text", "jsonl", "html", "empty", "gzip"]),
      ("generate -m model.safetensors --prompts FILE", "prompts as JSON lines", ["text", "jsonl", "empty"]),
      ("generate -m model.safetensors --state-in FILE", "a state", ["state"]),
      ("state info FILE", "a state", ["state"]), ("state fork FILE -o new", "a state", ["state"]),
      ("state undo FILE 1 -m model.safetensors -o new", "a state", ["state"]),
      ("state undo good.state 1 -m FILE -o new", "a model file", ["model"]),
      ("state diff FILE good.state", "a state", ["state"]), ("state diff good.state FILE", "a state", ["state"]),
      ("convert FILE -o new", weights, ["model", "zip"]),
      ("convert model.safetensors -o new --report FILE", "a text", ["text", "jsonl", "html", "empty", "gzip"]),
      ("convert foreign -o new --config FILE", "a JSON object", []),
      ("convert foreign -o new --dictionary FILE", "a fairseq dictionary", ["text"]),
      (
        "convert model.safetensors -o new --expected FILE", "a safetensors file with input_ids and logits",
        ["model", "state", "foreign"]
      ),
      ("convert model.safetensors -o new --tokenizer FILE", "a tokenizer", ["tokenizer"]),
      ("info FILE", subject, ["model", "zip", "tokenizer", "tokens", "state"]),
      ("verify FILE --length 20", "a model file", ["model"]),
      (
        "verify model.safetensors --length 20 --file FILE", "a text",
        ["text", "jsonl", "html", "empty", "gzip", "tokens"]
      ),
      ("paper -o new --text FILE", "a text", ["text", "jsonl", "html", "empty", "gzip", "tokens"]),
      ("bench train -m FILE -r 1", weights, ["model", "zip"]),
      ("bench generate -m FILE -r 1", weights, ["model", "zip"]),
      ("bench train --config FILE -r 1", "a configuration file", ["text", "empty"]),
      ("bench generate --config FILE -r 1", "a configuration file", ["text", "empty"]),
      ("bench train --compare FILE -r 1", bench, ["text", "empty"]),
      ("bench generate --compare FILE -r 1", bench, ["text", "empty"]),
    ]

    private static let weights = "a model file or weights of another program"
    private static let subject = "a model, weights of another program, a state, a token file or a tokenizer"
    private static let bench = "what retnet bench prints with --output-format json"

    /// What the kinds are called.
    private static let kinds = [
      "text": "a text", "jsonl": "JSON lines", "html": "a web page (HTML)", "empty": "an empty file",
      "gzip": "a file compressed with gzip", "pointer": "a Git LFS pointer", "tokenizer": "a SentencePiece tokenizer",
      "tokens": "a token file", "model": "a ", "state": "a ", "foreign": "", "zip": "a zip archive",
    ]

    init() throws {
      workspace = try Workspace()
      _ = try workspace.result("generate -m model.safetensors -p light -n 4 --state-out good.state --undo-window 2")
      try workspace.write(TinyProject.text, "text")
      try workspace.write("{\"prompt\":\"a\"}\n{\"prompt\":\"b\"}\n", "jsonl")
      try workspace.write("<!DOCTYPE html>\n<html></html>\n", "html")
      try workspace.write("", "empty")
      try workspace.write(Data([0x1F, 0x8B, 8, 0, 0, 0, 0, 0]), "gzip")
      try workspace.write(Data([0x80, 2, 0x8A, 10]), "pickle")
      let number: [UInt8] = [0x80, 2, 0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, 0x2E]
      try workspace.write(Data(number), "legacy")
      try workspace.write("{\"width\": 8}\n", "config.json")
      try workspace.write(Data([0xFF, 0xFE, 0x41, 0, 0x42, 0, 0x0A, 0]), "wide")
      try workspace.write(Data("le caf".utf8) + [0xE9] + Data(" est ferme\n".utf8), "latin")
      // The archive of no files: its directory alone.
      try workspace.write(Data("PK\u{5}\u{6}".utf8) + Data(count: 18), "npz")
      try workspace.write("version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 1\n", "pointer")
      for (name, source) in [
        ("tokenizer", "tokenizer.model"), ("tokens", "train.tokens"), ("model", "model.safetensors"),
        ("state", "good.state"),
      ] { try workspace.write(workspace.bytes(source), name) }
      let golden = projectFolder.appendingPathComponent("Tests/Golden/torchscale-b-untied")
      try workspace.write(Data(contentsOf: golden.appendingPathComponent("model.safetensors")), "foreign")
      try workspace.write(Data(contentsOf: golden.appendingPathComponent("model.pt")), "zip")
    }

    @Test(arguments: places.indices)
    func otherKindsAreNamed(_ index: Int) throws {
      let place = Self.places[index]
      for (kind, word) in Self.kinds where !place.takes.contains(kind) {
        // Weights of other programs are read as such.
        if kind == "foreign" || kind == "zip", place.expected == Self.weights || place.expected == Self.subject {
          continue
        }
        let line = place.line.replacing("FILE", with: kind)
        let run = try workspace.run(line)
        #expect(run.status == 65 && run.output.isEmpty, "\(line): \(run.talk)")
        let message = "error: \(kind): expected \(place.expected), found \(word)"
        #expect(run.talk.contains(message), "\(line): \(run.talk)")
        #expect(!FileManager.default.fileExists(atPath: workspace.folder.appendingPathComponent("new").path))
      }
    }

    @Test(arguments: [
      ("generate -m foreign", "found weights of another program", "retnet convert foreign -o model.safetensors"),
      ("eval -m zip text.txt", "found a zip archive", "retnet convert zip -o model.safetensors"),
      ("verify tokenizer", "found a SentencePiece tokenizer", "retnet tokenize encode -m tokenizer"),
      ("generate -m text", "found a text", "retnet eval -m MODEL text"),
      ("generate -m state", "found a state", "retnet generate -m MODEL --state-in state"),
      ("generate -m model --state-in foreign", "found weights of another program", "--state-out FILE"),
      ("info text", "found a text", "retnet eval -m MODEL text"),
      ("info gzip", "found a file compressed with gzip", "gunzip gzip"),
      ("info html", "found a web page (HTML)", "download the file itself"),
      ("convert pointer -o new", "found a Git LFS pointer", "git lfs pull"),
      (
        "train --config config.yaml -o new --set data.train=text", "found a text",
        "tokenize pack -m tokenizer.model --input text"
      ),
      ("tokenize encode -m text text.txt", "found a text", "retnet tokenize train --input text"),
      ("info config.json", "found a JSON file", ""),
      ("generate -m config.json -p x", "found a JSON file", "retnet convert config.json"),
      ("info wide", "found a text in UTF-16", "iconv -f UTF-16"),
      ("tokenize pack -m tokenizer.model --input wide -o new", "found a text in UTF-16", "iconv -f UTF-16"),
      ("generate -m latin -p x", "found a text that is not UTF-8", "iconv -f LATIN1"),
      ("convert npz -o new", "found a zip archive not written by PyTorch", "unzip npz"),
      ("generate -m pickle -p x", "found a pickle that PyTorch did not write", ""),
      ("generate -m legacy -p x", "found a PyTorch file in the format before 1.6", "retnet convert legacy"),
    ])
    func theCommandThatHelpsIsNamed(_ line: String, _ found: String, _ command: String) throws {
      let run = try workspace.run(line)
      #expect(run.status == 65)
      #expect(run.talk.contains(found), "\(run.talk)")
      guard !command.isEmpty else { return }
      let hint = try #require(run.messages.first { $0.hasPrefix("hint: ") }, "\(run.talk)")
      #expect(hint.contains(command), "\(hint)")
    }

    @Test func aFolderThatIsNoRunIsToldWhatItHolds() throws {
      _ = try workspace.result("train --config config.yaml -o run --max-steps 1 -q")
      let golden = projectFolder.appendingPathComponent("Tests/Golden/torchscale-b-untied").path
      let message = "expected a model file or a run folder, found another folder\nhint: "
      for command in ["generate -p x -m", "eval text.txt -m"] {
        try workspace.expectFailure(
          "\(command) run/checkpoints", status: 66,
          "run/checkpoints: \(message)name one of its models: run/checkpoints/step-00000001.safetensors")
        try workspace.expectFailure(
          "\(command) \(golden)", status: 66,
          "\(message)convert the weights in it to a model file: retnet convert \(golden) -o model.safetensors")
        try workspace.expectFailure("\(command) /proc", status: 66, "/proc: expected a model file or a run folder")
      }
      for command in ["info", "convert -o new"] {
        try workspace.expectFailure("\(command) /dev/null", status: 66, "/dev/null: expected a regular file")
      }
    }

    @Test func aCutTokenizerIsCalledDamaged() throws {
      try workspace.write(workspace.bytes("tokenizer.model").prefix(1_000), "cut")
      for command in ["info cut", "tokenize encode -m cut text.txt"] {
        try workspace.expectFailure(command, status: 65, "cut: not a usable SentencePiece model: ")
      }
    }

    @Test func aTrainingStateIsNamed() throws {
      _ = try workspace.result("train --config config.yaml -o run --max-steps 1 -q")
      let folder = workspace.folder.appendingPathComponent("run/checkpoints").path
      let name = try #require(
        try FileManager.default.contentsOfDirectory(atPath: folder).first {
          $0.hasSuffix(".training-state.safetensors")
        })
      for command in ["generate -m", "info", "state info", "bench train -r 1 -m"] {
        let talk = try workspace.expectFailure(
          "\(command) run/checkpoints/\(name)", status: 65, "found a training state")
        #expect(talk.hasPrefix("run/checkpoints/\(name): expected "), "\(talk)")
      }
    }

    /// Every option and argument that is completed with files and is no output stands in the table.
    @Test func everyPlaceIsTried() throws {
      // Where results go, or what is read elsewhere: a run folder and its checkpoints, a folder of rows, a progress.
      let outputs: Set = [
        "--output", "--validation-output", "--state-out", "--resume", "--svg", "--data", "--progress", "--results",
        "--log-samples", "--junit", "--state-dir", "eval --report",
      ]
      for command in try DescribedCommand.all() {
        for value in command.values where value.completesFiles && !outputs.contains(value.name) {
          if outputs.contains("\(command.testDescription) \(value.name)") { continue }
          let isTried = Self.places.contains { place in
            let words = place.line.split(separator: " ").map(String.init)
            guard words.starts(with: command.words), let index = words.firstIndex(of: "FILE") else { return false }
            return value.names.isEmpty ? !words[index - 1].hasPrefix("-") : value.names.contains(words[index - 1])
          }
          // The model of a command is tried with its own line where several take one.
          #expect(isTried, "\(command.testDescription) \(value.name)")
        }
      }
    }
  }
}
