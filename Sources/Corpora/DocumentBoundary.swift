internal import Configurations

/// What the end of a document does to the state, where several documents lie in a sequence.
package enum DocumentBoundary: String, CaseIterable, Sendable, ConfigurationChoice {
  /// The state is forgotten: no document knows of another.
  case reset
  /// The state goes on: a document is read as the continuation of the one before.
  case continuous
}
