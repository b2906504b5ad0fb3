import Foundation
import Testing

extension CommandRuns {
  /// A file that becomes shorter while it is read from its mapping is an error, and no crash.
  @Suite struct ShortenedFileTests {
    private let workspace: Workspace

    init() throws { workspace = try Workspace() }

    private func shorten(_ name: String, to count: Int = 0) throws {
      try #require(unsafe truncate(workspace.folder.appendingPathComponent(name).path, off_t(count)) == 0)
    }

    @Test(arguments: ["-t 1", "-t 2"])
    func theModelOfAGeneration(_ threads: String) throws {
      let running = try RunningBinary(
        "generate -m model.safetensors --ignore-eos -p light -n 100000000 -q \(threads) >told", in: workspace.folder)
      try running.wait { (try? workspace.bytes("told").count) ?? 0 > 100 }
      try shorten("model.safetensors")
      #expect(running.status() == 74)
      #expect(
        running.talk == "error: model.safetensors: cannot read: the file became shorter while it was in use\n",
        "\(running.talk)")
    }

    /// Training reads its tokens by calls that can fail: the last step is saved, and the run goes on to the same bits.
    @Test func theTokensOfATraining() throws {
      let line =
        "train --config config.yaml -q --set training.steps=1000000 --set training.checkpoint_every=1000000 "
        + "--set training.evaluate_every=0 --set training.log_every=1"
      let run = RunFiles(folder: workspace.folder.appendingPathComponent("run"))
      let tokens = try workspace.bytes("train.tokens")
      let running = try RunningBinary("\(line) -o run", in: workspace.folder)
      try running.wait { run.metricsLineCount >= 5 }
      try shorten("train.tokens", to: tokens.count / 2)
      #expect(running.status() == 74)
      let talk = running.talk.split(separator: "\n")
      #expect(
        talk.first == "error: train.tokens: cannot read: the file became shorter while it was in use", "\(talk)")
      let step = try #require(try run.checkpointSteps.first)
      #expect(try run.checkpointSteps == [step])
      #expect(
        talk.last?.hasPrefix("hint: restore the file; the last good checkpoint is run/checkpoints/step-") == true)
      try workspace.write(tokens, "train.tokens")
      _ = try workspace.result("\(line) -o run --resume auto --max-steps \(step + 3)")
      _ = try workspace.result("\(line) -o whole --max-steps \(step + 3)")
      try run.expectEqual(RunFiles(folder: workspace.folder.appendingPathComponent("whole")))
    }
  }
}
