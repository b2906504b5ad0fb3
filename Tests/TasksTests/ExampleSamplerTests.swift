import Foundation
import Tasks
import Testing

@Suite struct ExampleSamplerTests {
  private func rows(_ count: Int, path: String = "pool.jsonl") throws -> [TaskRow] {
    try (0..<count).map { index in
      try TaskRow(
        json: Data(#"{"goal": "g\#(index)", "sol1": "a", "sol2": "b", "label": 1}"#.utf8), path: path, line: index + 1)
    }
  }

  private func task(_ name: String) throws -> Task { try #require(Task.standard.first { $0.name == name }) }

  private func text(_ indices: [Int]) -> String {
    indices.map { "Question: g\($0)\nAnswer: b\n\n" }.joined()
  }

  /// `random.Random(1234).sample(range(40), 5)` is 28, 7, 0, 5, 37; the task draws one row more, in case it is the
  /// question.
  @Test func theQuestionIsLeftOut() throws {
    let pool = try rows(40)
    var sampler = ExampleSampler(try task("piqa"), size: 4, from: pool, path: "pool.jsonl", seed: 1234)
    #expect(try sampler.examples(before: rows(41)[40]) == text([28, 7, 0, 5]))
    // The second draw has 2, 5, 6, 22, 15.
    #expect(try sampler.examples(before: pool[5]) == text([2, 6, 22, 15]))
  }

  @Test func withoutExamplesNothingIsDrawn() throws {
    var sampler = ExampleSampler(try task("piqa"), size: 0, from: [], path: "pool.jsonl", seed: 1234)
    #expect(try sampler.examples(before: rows(1)[0]) == "")
  }

  @Test func tooFewRowsAreRefused() throws {
    let pool = try rows(4)
    var sampler = ExampleSampler(try task("piqa"), size: 4, from: pool, path: "pool.jsonl", seed: 1)
    #expect(throws: TaskError.tooFewExamples(path: "pool.jsonl", expected: 5, found: 4)) {
      try sampler.examples(before: pool[0])
    }
    // All rows are the question itself.
    let equal = Array(repeating: pool[0], count: 6)
    var second = ExampleSampler(try task("piqa"), size: 4, from: equal, path: "pool.jsonl", seed: 1)
    #expect(throws: TaskError.tooFewExamples(path: "pool.jsonl", expected: 4, found: 0)) {
      try second.examples(before: pool[0])
    }
  }

  /// A bad row is found before its turn, also one of the pool that no question draws; rows that are not used pass.
  @Test func rowsAreCheckedBeforeTheirTurn() throws {
    let (good, bad) = (try rows(40), try TaskRow(json: Data(#"{"goal": "g"}"#.utf8), path: "pool.jsonl", line: 41))
    let refusal = TaskError.row(path: "pool.jsonl", line: 41, reason: "field 'sol1': expected one, found none")
    let task = try task("piqa")
    let sampler = ExampleSampler(task, size: 4, from: good, path: "pool.jsonl", seed: 1234)
    #expect(throws: refusal) { try sampler.check(good + [bad]) }
    #expect(throws: refusal) {
      try ExampleSampler(task, size: 4, from: good + [bad], path: "pool.jsonl", seed: 1234).check([good[0]])
    }
    try ExampleSampler(task, size: 0, from: good + [bad], path: "pool.jsonl", seed: 1234).check([good[0]])
    #expect(throws: TaskError.tooFewExamples(path: "pool.jsonl", expected: 4, found: 0)) {
      let equal = Array(repeating: good[0], count: 6)
      try ExampleSampler(task, size: 4, from: equal, path: "pool.jsonl", seed: 1).check([good[1], good[0]])
    }
    // The draws of the check are not those of the evaluation.
    var checked = sampler
    try checked.check(good)
    #expect(try checked.examples(before: rows(41)[40]) == text([28, 7, 0, 5]))
  }
}
