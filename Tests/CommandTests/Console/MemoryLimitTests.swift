import Foundation
import Testing

extension CommandRuns {
  /// Memory that the system does not give is a line and a status; what is not needed is not asked for.
  @Suite struct MemoryLimitTests {
    private let workspace: Workspace

    init() throws { workspace = try Workspace() }

    /// Runs a command with an address space of so many MiB.
    private func run(_ line: String, mebibytes: Int) throws -> BinaryRun {
      try runBinary(
        ["-c", "ulimit -v \(mebibytes * 1_024); exec \(builtBinary.path) \(line)"], in: workspace.folder,
        program: URL(fileURLWithPath: "/bin/bash"))
    }

    /// Chunks of 65,536 tokens would take 32 GiB for each thread.
    @Test(arguments: [
      "generate -m model.safetensors -p light -n 5 -q", "eval -m model.safetensors short.txt -q",
      "verify model.safetensors --length 20 -q", "bench generate -m model.safetensors -p 20 -n 2 -r 1 -q",
    ])
    func aChunkIsNotLongerThanTheText(_ line: String) throws {
      try workspace.write("And the light\n", "short.txt")
      let usual = try run(line + " -t 2", mebibytes: 4_000)
      let long = try run(line + " -t 2 --chunk-length 65536", mebibytes: 4_000)
      #expect(usual.status == 0 && long.status == 0, "\(long.talk)")
      // A short text has the same bits: no chunk is whole.
      if line.hasPrefix("generate") || line.hasPrefix("eval") {
        func withoutTime(_ text: String) -> [Substring] {
          text.split(separator: "\n").filter { !$0.contains("tokens/s") }
        }
        #expect(withoutTime(long.text).first == withoutTime(usual.text).first)
      }
    }

    /// SentencePiece trains in threads of its own, which must neither end the process nor crawl.
    @Test(arguments: ["unigram", "bpe"])
    func aVocabularyIsTrainedOrRefused(_ type: String) throws {
      var isTrained = false
      for mebibytes in [150, 300, 400, 2_000] {
        let run = try run(
          "tokenize train --input text.txt --vocab-size 320 --model-type \(type) -o new -q", mebibytes: mebibytes)
        isTrained = run.status == 0
        #expect(run.status == 0 || run.status == 78 && run.talk.hasPrefix("error: out of memory"), "\(run.talk)")
        #expect(run.talk.split(separator: "\n").count <= 1, "\(run.talk)")
      }
      #expect(isTrained)
    }

    @Test func aStateRemembersTheChunkLengthThatWasAskedFor() throws {
      let line = "generate -m model.safetensors -n 4 --temp 0"
      _ = try workspace.result("\(line) -p light --chunk-length 65536 --state-out long")
      #expect(try workspace.result("state info long").contains("65,536"))
      _ = try workspace.result("\(line) --state-in long --chunk-length 65536")
      try workspace.expectFailure(
        "\(line) --state-in long --chunk-length 64", status: 64, "--chunk-length: expected 65536, the state's value")
    }

    @Test func whatTheSystemRefusesIsALine() throws {
      try workspace.write(String(repeating: TinyProject.text, count: 6), "long.txt")
      for line in [
        "generate -m model.safetensors -f long.txt -n 1 --chunk-length 16384 -q -t 2",
        "eval -m model.safetensors long.txt --chunk-length 16384 -q -t 2",
        "verify model.safetensors --file long.txt --length 16384 --chunk-length 16384 -q -t 2",
        "bench generate -m model.safetensors -p 16384 -n 0 --chunk-length 16384 -r 1 -q -t 2",
      ] {
        let run = try run(line, mebibytes: 2_000)
        #expect(run.status == 78, "\(line): \(run.talk)")
        let lines = run.talk.split(separator: "\n")
        #expect(lines.count == 1 && lines[0].hasPrefix("error: out of memory: asked for "), "\(run.talk)")
        // Two blocks of 16,384² scores for each thread are 4 GiB.
        let bytes = lines.first.flatMap { Int($0.filter(\.isNumber)) } ?? 0
        #expect(bytes > 4 << 30, "\(run.talk)")
      }
    }

    /// OpenBLAS asks for its buffers again and again where there is no memory for them.
    @Test(arguments: [300, 400])
    func noProductWaitsForMemory(_ mebibytes: Int) throws {
      for line in [
        "eval -m model.safetensors text.txt -q -t 2", "train --config config.yaml -o run --resume auto -q -t 1",
      ] {
        let program = "ulimit -v \(mebibytes * 1_024); exec timeout 60 \(builtBinary.path) \(line)"
        let run = try runBinary(["-c", program], in: workspace.folder, program: URL(fileURLWithPath: "/bin/bash"))
        #expect([0, 78].contains(run.status), "\(line): \(run.status) \(run.talk)")
        if run.status == 78 { #expect(run.talk.hasPrefix("error: "), "\(run.talk)") }
      }
    }

    /// OpenBLAS's own threads ask without end for what the system refuses, and an exit would wait for them.
    @Test func aProgramThatIsDoneEnds() throws {
      let program = "ulimit -v \(200 * 1_024); exec timeout 60 \(builtBinary.path) info tokenizer.model"
      let run = try runBinary(["-c", program], in: workspace.folder, program: URL(fileURLWithPath: "/bin/bash"))
      #expect(run.status == 0 && run.text.contains("vocabulary"), "\(run.status) \(run.talk)")
    }

    /// As long as a file may be (`ulimit -f`) is a full disk for who writes it.
    @Test func aFileThatMayNotGrowIsALine() throws {
      let program = "ulimit -f 4; exec \(builtBinary.path) convert model.safetensors -o new -q"
      let run = try runBinary(["-c", program], in: workspace.folder, program: URL(fileURLWithPath: "/bin/bash"))
      #expect(run.status == 74, "\(run.status) \(run.talk)")
      #expect(run.talk.hasPrefix("error: new: cannot write: "), "\(run.talk)")
      let left = try FileManager.default.contentsOfDirectory(atPath: workspace.folder.path)
      #expect(!left.contains { $0.hasPrefix("new") || $0.hasPrefix(".retnet") })
    }

    @Test func aFileThatDoesNotFitIsALine() throws {
      let path = workspace.folder.appendingPathComponent("sparse").path
      // A line of prompts, longer than what tells the kind of a file, and zeros.
      try workspace.write("{\"prompt\":\"" + String(repeating: "a", count: 5_000) + "\"}\n", "sparse")
      try #require(unsafe truncate(path, 900 << 20) == 0)
      let run = try run("generate -m model.safetensors --prompts sparse -q -t 1", mebibytes: 700)
      #expect(run.status == 78, "\(run.talk)")
      #expect(run.talk == "error: sparse: cannot read: out of memory: asked for \(900 << 20) bytes\n")
    }

    @Test func trainingIsRefusedByTheLimitOfItsProcess() throws {
      let run = try run("train --config config.yaml -o run -q -t 1 --set model.width=2048", mebibytes: 700)
      #expect(run.status == 78, "\(run.talk)")
      #expect(
        run.talk.contains("expected a run that fits into 734.0 MB of memory, found one that needs"), "\(run.talk)")
      #expect(!FileManager.default.fileExists(atPath: workspace.folder.appendingPathComponent("run").path))
    }
  }
}
