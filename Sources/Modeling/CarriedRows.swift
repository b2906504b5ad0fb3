/// Some rows of the states that a batch carries from step to step: read before a call, replaced after it.
///
/// What was read is a constant of the backward: a gradient ends where its sequence begins (truncated backpropagation
/// through time), while what is remembered goes on.
package struct CarriedRows: Sendable {
  /// Of all rows; its position is that of the call's first token.
  let before: ModelState
  /// Of all rows; its position is left alone.
  let after: ModelState
  /// The row with the call's first sequence.
  let first: Int

  /// - Parameters:
  ///   - before: What the rows remember.
  ///   - after: Receives what they remember then; not the same memory, so that the call can be forgotten.
  ///   - first: The row with the call's first sequence.
  package init(before: ModelState, after: ModelState, first: Int) {
    (self.before, self.after, self.first) = (before, after, first)
  }
}
