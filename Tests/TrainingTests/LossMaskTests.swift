import Corpora
import Modeling
import Tensors
import TestSupport
import Testing
import Training

/// Runs on documents of which only a part is scored.
@Suite struct LossMaskTests {
  /// Prompts that tell nothing, each answered by its first id.
  private func run() throws -> TinyRun {
    var generator = SeededGenerator(seed: 8)
    var run = try TinyRun(
      documents: (0..<60).map { _ in
        let prompt = (0..<5).map { _ in Int32(3 + generator.next() % 8) }
        return prompt + [prompt[0], 9]
      }, unscoredCount: 5)
    run.configuration.precision = .float32
    return run
  }

  @Test func lossAndGradientAreTheReferences() throws {
    var run = try run()
    run.configuration.steps = 1
    run.configuration.gradientClip = 0
    var inputs = [Int32](repeating: 0, count: 80)
    var (targets, documents) = (inputs, inputs)
    var inputSpan = inputs.mutableSpan
    var targetSpan = targets.mutableSpan
    var documentSpan = documents.mutableSpan
    try run.batches().copyBatch(
      at: 0, inputs: &inputSpan, targets: &targetSpan, documentStarts: &documentSpan)
    // Of the 8 ids of a document, 3 are scored.
    #expect((26...34).contains(targets.count { $0 >= 0 }))
    func rows(_ numbers: [Int32]) -> [[Int]] {
      (0..<4).map { row in numbers[row * 20..<row * 20 + 20].map { Int($0) } }
    }
    var loop = try run.loop()
    let (loss, gradients) = TinyRun.reference(of: loop.trainer.network).lossAndGradients(
      rows(inputs), targets: rows(targets), documentStarts: rows(documents))
    var losses: [Double] = []
    var norms: [Double] = []
    try loop.run { event in
      losses += [event].losses
      if case .step(let report) = event { norms.append(report.gradientNorm) }
    }
    #expect(abs(losses[0] / loss - 1) < 1e-6)
    #expect(abs(norms[0] / Reference.globalNorm(gradients.values) - 1) < 1e-5)
  }

  /// What the model is not asked for costs nothing, so it learns the answers in a few steps.
  @Test func answersAreLearnedAndPromptsAreNot() throws {
    var run = try run()
    (run.configuration.steps, run.configuration.learningRate) = (300, 1e-2)
    let losses = try run.events(isValidated: false).losses
    let last = losses.suffix(20).reduce(0, +) / 20
    // Where everything is scored, five random ids of eight cost 5/8 · ln 8 = 1.3 on average. An answer that is not
    // learned costs 1/3 · ln 8 = 0.69.
    #expect(last < 0.5, "\(last)")
  }
}
