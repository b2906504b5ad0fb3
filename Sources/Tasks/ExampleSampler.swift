/// Draws the examples before each question, as lm-evaluation-harness does: one generator for a task, and the rows in
/// their order.
package struct ExampleSampler: Sendable {
  private let task: Task
  private let pool: [TaskRow]
  private let path: String
  private let size: Int
  private var random: MersenneTwister

  /// - Parameters:
  ///   - task: The task.
  ///   - size: The number of examples before each question.
  ///   - pool: The rows to draw from.
  ///   - path: The file of the pool, for errors.
  ///   - seed: The seed; the harness has 1234.
  package init(_ task: Task, size: Int, from pool: [TaskRow], path: String, seed: UInt64) {
    (self.task, self.size, self.pool, self.path) = (task, size, pool, path)
    random = MersenneTwister(seed: seed)
  }

  /// The text of the examples before the next question.
  ///
  /// - Parameter row: The question's row.
  /// - Returns: Empty without examples.
  /// - Throws: `TaskError` if the pool has too few rows, or rows that the task cannot use.
  package mutating func examples(before row: TaskRow) throws(TaskError) -> String {
    guard size > 0 else { return "" }
    let drawnCount = task.leavesOutQuestion ? size + 1 : size
    guard pool.count >= drawnCount else {
      throw .tooFewExamples(path: path, expected: drawnCount, found: pool.count)
    }
    var rows = random.sample(drawnCount, of: pool.count).map { pool[$0] }
    if task.leavesOutQuestion {
      rows = Array(rows.filter { $0.members != row.members }.prefix(size))
      if rows.count < size {
        // Several of the drawn rows were equal to this one.
        let others = pool.filter { $0.members != row.members }
        guard others.count >= size else { throw .tooFewExamples(path: path, expected: size, found: others.count) }
        rows = random.sample(size, of: others.count).map { others[$0] }
      }
    }
    var text = ""
    for row in rows { text += try example(row) }
    return text
  }

  private func example(_ row: TaskRow) throws(TaskError) -> String {
    guard let example = try task.question(row).example else {
      throw row.failure("an example before another question needs texts, found ids")
    }
    return example
  }

  /// Throws what a question or its examples would throw, and for a row of the pool that no question may draw.
  ///
  /// - Parameter rows: The rows that will be evaluated, in their order.
  /// - Throws: `TaskError`.
  package func check(_ rows: some Sequence<TaskRow>) throws(TaskError) {
    var trial = self
    for row in rows {
      _ = try task.question(row)
      _ = try trial.examples(before: row)
    }
    guard size > 0 else { return }
    for row in pool { _ = try example(row) }
  }
}
