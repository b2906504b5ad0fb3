package import Tensors

/// What a layer remembers of the tokens that were read, for B sequences.
package protocol MixerState: AnyObject, Sendable {
  /// A new, empty state with the same extents.
  var emptyCopy: any MixerState { get }

  func clear(on pool: WorkerPool)

  /// Copies another state of the same extents.
  func copy(_ other: any MixerState, on pool: WorkerPool)

  /// Replaces the state of one sequence by that of a sequence of another state.
  func copy(sequence: Int, _ other: any MixerState, sequence source: Int, on pool: WorkerPool)

  /// The state of the first `batch` sequences: a view.
  func prefix(_ batch: Int) -> any MixerState

  /// Whether all numbers are finite.
  var isFinite: Bool { get }

  /// Bytes of its memory, with the room of a cache for more tokens.
  var byteCount: Int { get }

  /// The parts, with their names in a file (docs/CHECKPOINT.md §5).
  var parts: [(name: String, numbers: MixerStateNumbers)] { get }

  /// All scales of the state; every form leaves them in [½, 1].
  var scales: [Double] { get }

  /// The numbers of the state, for comparison.
  var values: [Double] { get }

  /// Makes an empty state start from an initial state.
  func start(from initial: Tensor, on pool: WorkerPool)
}

extension MixerState {
  /// The other state as one of this type.
  func own(_ other: any MixerState) -> Self {
    guard let own = other as? Self else { preconditionFailure("MixerState: \(type(of: other)) for \(type(of: self))") }
    return own
  }
}

/// A part of a state, with its precision in files.
package enum MixerStateNumbers: Sendable {
  /// Float32, or rounded to the format of the file.
  case stored(Tensor)
  /// Float32.
  case single(Tensor)
  /// Float64.
  case double(DoubleBuffer)
}
