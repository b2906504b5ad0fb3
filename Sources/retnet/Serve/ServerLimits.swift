/// What one request may ask of the model.
struct ServerLimits: Sendable {
  var promptTokens = 1 << 20
  var completionTokens = 16_384
  /// Requests that wait for their first row.
  var queue = 256
  /// Seconds for a request, waiting included.
  var seconds = 600.0
  /// Named states in memory.
  var states = 64
  /// The tokens that named states can undo.
  var undoWindow = 1_024
  /// The answers of a request: prompts × best_of.
  static let choices = 2_048
  static let prompts = 1_024
  static let answers = 128
  static let bestOf = 20
  static let topTokens = 20
  static let stops = 16
  static let biases = 1_024
}
