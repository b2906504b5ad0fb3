internal import Inference

/// A prompt of a request.
struct CompletionPrompt: Sendable {
  /// What is read, with the BOS before it.
  let ids: [Int32]
  /// How many ids at the front are not reported: a BOS that was put there.
  let hiddenCount: Int
  /// The prompt as text, for `echo`.
  let text: String
  /// Whether nothing but BOS precedes the answer.
  let isTextStart: Bool
  /// Where states of it can be kept; nil where none is.
  let borders: PrefixCache.Borders?

  /// The ids that the request has given.
  var ownIDs: ArraySlice<Int32> { ids.dropFirst(hiddenCount) }
}

/// What a request asks of the model, checked.
struct CompletionJob: Sendable {
  /// The form of the answer.
  enum Form: Sendable {
    /// `/v1/completions`.
    case text
    /// `/v1/chat/completions`.
    case chat
    /// A state, without a text.
    case state
  }

  var form = Form.text
  /// Names the answer.
  let id: String
  let created: Int
  var prompts: [CompletionPrompt]
  /// The answers for each prompt.
  var answerCount = 1
  /// How many are generated for each prompt.
  var candidateCount = 1
  var echoes = false
  /// How many of the most likely tokens are reported; nil: no probabilities are.
  var topCount: Int?
  var rules: TextRules
  var seed: UInt64
  var streams = false
  var includesUsage = false
  /// The state to begin from.
  var from: String?
  /// How many of its last tokens are undone first.
  var undoCount = 0
  /// The name under which a state is left.
  var leaves: String?
  var arrival = ContinuousClock.now

  var choiceCount: Int { prompts.count * candidateCount }
}
