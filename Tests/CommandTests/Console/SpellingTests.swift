import Foundation
import Tensors
import Testing

extension CommandRuns {
  /// Other names and spellings that people type.
  @Suite struct SpellingTests {
    private let workspace: Workspace

    init() throws { workspace = try Workspace() }

    private static let line = "generate -m model.safetensors -p light -q"

    @Test(arguments: [
      "--temp 0 --max-tokens 5", "--temp 0 --n-predict 5", "--temperature 0 -n5", "--temperature=0 -n=5",
    ])
    func namesOfOtherPrograms(_ options: String) throws {
      #expect(try workspace.result("\(Self.line) \(options)") == workspace.result("\(Self.line) --temp 0 -n 5"))
    }

    @Test func minusOneGoesOnToTheEndOfTheDocument() throws {
      for options in ["-n -1", "-n-1", "--max-tokens -1", "--num-samples 2 -n -1"] {
        let text = try workspace.result("\(Self.line) --json \(options)")
        for line in text.components(separatedBy: "\n{").filter({ $0.contains("finish_reason") }) {
          #expect(line.contains("eos"), "\(options): \(line)")
        }
        #expect(text.contains("finish_reason"))
      }
      let stopped = try workspace.result("\(Self.line) -n -1 --ignore-eos --stop e --json")
      #expect(stopped.contains(#""finish_reason" : "stop""#))
    }

    @Test func anErrorOfUsageHasTheLineOfUsage() throws {
      let run = try workspace.run("\(Self.line) --logit-bias 99999+1")
      #expect(run.status == 64)
      #expect(run.talk.hasPrefix("error: --logit-bias: expected an id from 0 to "))
      #expect(
        run.talk.hasSuffix(
          "\nUsage: retnet generate [<options>] --model <model.safetensors>\n"
            + "  See 'retnet generate --help' for more information.\n"), "\(run.talk)")
    }

    /// Where OpenBLAS is held to an older core, every command that computes says so, once.
    @Test(.enabled(if: CPU().hasAVX2))
    func commandsThatComputeWarnOfSlowProducts() throws {
      _ = try workspace.result("generate -m model.safetensors -p light -n 4 --state-out s --undo-window 3 -q")
      for line in [
        "generate -m model.safetensors -p light -n 2", "eval -m model.safetensors text.txt",
        "verify model.safetensors --length 20", "convert model.safetensors -o new --report text.txt --verify",
        "state undo s 1 -m model.safetensors -o t", "bench train --config config.yaml -r 1",
      ] {
        let words = line.split(separator: " ").map(String.init)
        let slow = ["OPENBLAS_CORETYPE": "Nehalem"]
        let run = try runBinary(words, environment: slow, in: workspace.folder)
        #expect(run.status == 0, "\(line): \(run.talk)")
        #expect(
          run.talk.components(separatedBy: "warning: OpenBLAS uses its Nehalem kernels although").count == 2,
          "\(line): \(run.talk)")
        let quiet = try runBinary(words + ["-q"], environment: slow, in: workspace.folder)
        #expect(!quiet.talk.contains("warning"), "\(line): \(quiet.talk)")
      }
    }
  }
}
