/// Where a model expects BOS.
package enum BOSPlacement: Equatable, Sendable {
  /// At the start of everything that starts from an empty state: each training sequence, each text.
  case sequence(bosID: Int32)
  /// At the start of each document only; the id before a document's first is BOS instead of the last document's end.
  case document(bosID: Int32)
  /// Nowhere.
  case none
}
