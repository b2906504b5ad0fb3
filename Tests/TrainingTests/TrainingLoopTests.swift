import Corpora
import Inference
import Testing
import Training

@Suite struct TrainingLoopTests {
  @Test(arguments: [
    (0, ["1", "2", "3", "4", "5", "6", "7", "e7"]),
    (3, ["1", "2", "3", "e3", "4", "5", "6", "e6", "7", "e7"]),
    (7, ["1", "2", "3", "4", "5", "6", "7", "e7"]),
    (100, ["1", "2", "3", "4", "5", "6", "7", "e7"]),
  ])
  func evaluatesInItsTimeAndAtTheEnd(_ evaluateEvery: Int, _ words: [String]) throws {
    var run = try TinyRun()
    run.configuration.steps = 7
    run.configuration.evaluateEvery = evaluateEvery
    let found = try run.events(isValidated: true).words
    #expect(found.map { $0.replacing("*", with: "") } == words)
    #expect(found.first { $0.hasPrefix("e") }?.hasSuffix("*") == true)
  }

  @Test func withoutAFileNothingIsEvaluated() throws {
    var run = try TinyRun()
    run.configuration.steps = 3
    run.configuration.evaluateEvery = 1
    #expect(try run.events().words == ["1", "2", "3"])
  }

  @Test func theBestIsTheLowestSoFar() throws {
    var run = try TinyRun()
    run.configuration.steps = 12
    run.configuration.evaluateEvery = 1
    // Far too fast: the loss goes up and down.
    run.configuration.learningRate = 0.5
    run.configuration.warmupSteps = 0
    var best = Double.infinity
    var isBetter: [Bool] = []
    for event in try run.events(isValidated: true) {
      guard case .evaluation(_, let score, _, let isBest) = event else { continue }
      #expect(isBest == (score.bitsPerByte < best))
      best = min(best, score.bitsPerByte)
      isBetter.append(isBest)
    }
    #expect(isBetter.count == 12)
    #expect(isBetter.contains(true) && isBetter.contains(false))
  }

  @Test func evaluationScoresEveryTokenOfTheFile() throws {
    var run = try TinyRun()
    run.configuration.steps = 1
    guard case .evaluation(_, let score, _, _) = try #require(try run.events(isValidated: true).last) else {
      Issue.record("the run does not end with an evaluation")
      return
    }
    #expect(score.tokens == run.file.count)
    #expect(score.bytes == run.file.totalBytes)
  }

  @Test func evaluatingChangesNothingInTheRun() throws {
    var run = try TinyRun()
    run.configuration.steps = 6
    let alone = try run.events().losses
    run.configuration.evaluateEvery = 2
    #expect(try run.events(isValidated: true).losses == alone)
  }

  @Test func anErrorOfTheReportEndsTheRun() throws {
    struct Stop: Error {}
    var loop = try TinyRun().loop()
    var count = 0
    #expect(throws: Stop.self) {
      try loop.run { _ in
        count += 1
        if count == 3 { throw Stop() }
      }
    }
    #expect(loop.trainer.step == 3)
  }
}
