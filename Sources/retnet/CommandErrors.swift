/// Errors that do not depend on each other, collected to be told together.
struct CommandErrors {
  private var errors: [any Error] = []

  /// The body's result, or nil if it throws, which is kept.
  mutating func catching<Result>(_ body: () throws -> Result) -> Result? {
    do { return try body() } catch {
      errors.append(error)
      return nil
    }
  }

  /// Ends the command if there are errors.
  ///
  /// - Throws: The only error, or one of all their lines with the status of the first.
  func throwAll() throws {
    guard let first = errors.first else { return }
    let known = errors.compactMap { CommandError($0) }
    guard errors.count > 1, known.count == errors.count else { throw first }
    throw CommandError(
      known[0].status, known.map(\.message).joined(separator: "\n"), hint: known.compactMap(\.hint).first)
  }
}
