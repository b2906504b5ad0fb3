internal import Retention

/// The form in which retention is computed. All forms give the same result up to rounding.
package enum RetentionForm: Sendable, Equatable {
  case parallel
  case recurrent
  case chunkwise(chunkLength: Int)

  /// Number of chunks of a sequence; nil for the other forms.
  func chunkCount(time: Int) -> Int? {
    guard case .chunkwise(let length) = self else { return nil }
    return ChunkPlan(time: time, length: length).count
  }
}
