import Foundation
import Tasks
import Testing

@Suite struct TaskScoreTests {
  private func question(_ choices: [String], gold: Int) -> TaskQuestion {
    TaskQuestion(
      options: choices.map { .init(context: .text("c"), continuation: .text(" " + $0), choice: .text($0)) }, gold: gold,
      example: nil, target: "\(gold)")
  }

  private func scores(_ likelihoods: [Double], greedy: Bool = false) -> [OptionScore] {
    likelihoods.map { OptionScore(logLikelihood: $0, isGreedy: greedy) }
  }

  /// The most likely choice, the one per code point, and the one per byte are three different ones.
  @Test func lengthsAreCodePointsAndBytes() throws {
    let task = try #require(Task.standard.first { $0.name == "piqa" })
    var score = TaskScore(task)
    // 2, 6 and 5 code points; 2, 6 and 20 bytes.
    let choices = ["ab", "abcdef", "🔥🔥🔥🔥🔥"]
    let likelihoods = [-1.0, -2.5, -2.0]
    #expect(score.add(question(choices, gold: 0), scores(likelihoods))[.acc] == 1)
    #expect(score.add(question(choices, gold: 2), scores(likelihoods))[.accNorm] == 1)
    #expect(score.add(question(["ab", "abcdef"], gold: 1), scores([-1, -2.5]))[.accBytes] == 1)
    let figures = try #require(score.figures(resamples: 0))
    #expect(figures.map(\.metric) == [.acc, .accNorm, .accBytes])
    #expect(figures[0].value == 1.0 / 3)
    // The values are 1, 0, 0: their deviation is 1 / √3.
    let error = try #require(figures[0].standardError)
    #expect(abs(error - 1.0 / 3) < 1e-12)
    let chance = try #require(score.chance)
    #expect(abs(chance - 7.0 / 18) < 1e-12)
  }

  @Test func theFirstOfEqualsCounts() throws {
    let task = try #require(Task.standard.first { $0.name == "boolq" })
    var score = TaskScore(task)
    #expect(score.add(question(["no", "yes"], gold: 1), scores([-1, -1]))[.acc] == 0)
    #expect(score.add(question(["no", "yes"], gold: 0), scores([-1, -1]))[.acc] == 1)
  }

  @Test func oneQuestionHasNoStandardError() throws {
    let task = try #require(Task.standard.first { $0.name == "boolq" })
    var score = TaskScore(task)
    score.add(question(["no", "yes"], gold: 1), scores([-2, -1]))
    #expect(score.figures(resamples: 10)?.map(\.standardError) == [nil])
    #expect(TaskScore(task).figures(resamples: 10)?.isEmpty == true)
  }

  /// The standard error of a perplexity is that of lm-evaluation-harness: 2,000 resamples of these five values give it.
  @Test func perplexityIsResampledAsInTheHarness() throws {
    let task = try #require(Task.standard.first { $0.name == "lambada_openai" })
    var score = TaskScore(task)
    for value in [-1.0, -2, -0.5, -4, -3.25] {
      score.add(question(["word"], gold: 0), scores([value], greedy: value > -1.5))
    }
    let figures = try #require(score.figures(resamples: 2000))
    #expect(figures[0].value == 0.4)
    #expect(abs(figures[1].value - exp(2.15)) < 1e-12)
    let error = try #require(figures[1].standardError)
    #expect(abs(error - 6.725313239879237) < 1e-9)
    #expect(score.chance == nil)
    // Each resample asks whether to stop.
    var asked = 0
    let stopped = score.figures(resamples: 2000) {
      asked += 1
      return asked == 1500
    }
    #expect(stopped == nil && asked == 1500)
  }

  @Test func wholeTextsCountWordsAndBytes() throws {
    let task = Task("whole", rolling: try TaskTemplate("{t}", key: "text"))
    var score = TaskScore(task)
    let row = try TaskRow(json: Data(#"{"t": " a bé\n\nc"}"#.utf8), path: "r", line: 1)
    score.add(try task.question(row), scores([-6]))
    let figures = try #require(score.figures(resamples: 0))
    // Python splits into "", "a", "bé" and "c".
    #expect(figures.map(\.metric) == [.wordPerplexity, .bytePerplexity, .bitsPerByte])
    let expected = [exp(6.0 / 4), exp(6.0 / 9), 6 / log(2) / 9]
    for (figure, value) in zip(figures, expected) { #expect(abs(figure.value - value) < 1e-12) }
  }
}
