import Testing

extension CommandRuns {
  /// Σ|R| is known to the parallel form only; what computes in another form says that it leaves it out.
  @Suite struct ScoreNormNoteTests {
    private let workspace: Workspace

    init() throws {
      workspace = try Workspace()
      _ = try workspace.result("convert model.safetensors -o sum.safetensors --score-norm sum-of-abs -q")
    }

    private func notes(_ line: String) throws -> [String] {
      let run = try workspace.run(line)
      #expect(run.status == 0, "\(line): \(run.talk)")
      return run.talk.split(separator: "\n").map(String.init).filter { $0.contains("score norm sum_of_abs") }
    }

    @Test(arguments: [
      "eval -m sum.safetensors text.txt", "eval -m sum.safetensors text.txt text.txt --form chunkwise",
      "eval -m sum.safetensors text.txt --form recurrent", "generate -m sum.safetensors -p light -n 4",
      "train --config config.yaml -o loud --set model.score_norm=sum_of_abs", "verify sum.safetensors --length 40",
      "convert sum.safetensors -o loud.safetensors", "convert sum.safetensors -o loud.safetensors --verify",
    ])
    func whatLeavesTheNormOutSaysSoOnce(_ line: String) throws {
      let notes = try notes(line)
      #expect(notes.count == 1)
      let start = "note: score norm sum_of_abs: only the parallel form can divide by the sum of absolute scores; "
      #expect(notes.first?.hasPrefix(start) == true, "\(notes)")
      #expect(try self.notes(line.replacing("loud", with: "quiet") + " -q") == [])
    }

    @Test(arguments: [
      "eval -m sum.safetensors text.txt --form parallel", "eval -m model.safetensors text.txt",
      "generate -m model.safetensors -p light -n 4", "train --config config.yaml -o new",
      "convert sum.safetensors -o new.safetensors --score-norm abs-of-sum",
    ])
    func whatDividesAsTheModelSaysIsSilent(_ line: String) throws {
      #expect(try notes(line) == [])
    }

    @Test func thePlanOfATrainingRunHasItAsAComment() throws {
      let plan = try workspace.result("train --config config.yaml --dry-run --set model.score_norm=sum_of_abs")
      #expect(plan.contains("\n# note: score norm sum_of_abs: "))
    }
  }
}
