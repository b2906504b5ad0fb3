internal import Inference

/// The states of earlier prompts, which the prompts of a batch share.
final class PromptCache {
  var states: PrefixCache

  init(byteLimit: Int) { states = PrefixCache(byteLimit: byteLimit) }
}

/// A prompt that a batch reads.
struct TextPrompt {
  /// At least one, unless it continues a state.
  let ids: [Int32]
  let chunkLength: Int
  /// The state that the prompt continues; copied when reading begins.
  var state: ReadingProgress?
  /// How many of its last tokens are undone first.
  var undoCount = 0
  /// Starts a history for undo; see `UndoHistory.window`.
  var historyWindow: Int?
  /// Reports the probabilities of the ids.
  var meter: TokenMeter?
  /// Where states of prompts are kept, and the borders of this one; for prompts without a state and a meter.
  var kept: (cache: PromptCache, borders: PrefixCache.Borders)?

  init(_ ids: [Int32], chunkLength: Int, after state: ReadingProgress? = nil) {
    precondition(!ids.isEmpty || state != nil, "TextPrompt: no ids")
    (self.ids, self.chunkLength, self.state) = (ids, chunkLength, state)
  }
}
