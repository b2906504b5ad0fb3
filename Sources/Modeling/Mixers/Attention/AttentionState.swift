package import Tensors

/// The key/value caches of one layer, one for each sequence. They grow with the text.
package final class AttentionState: MixerState {
  let caches: [KeyValueCache]

  init(_ caches: [KeyValueCache]) { self.caches = caches }

  package var emptyCopy: any MixerState { AttentionState(caches.map { KeyValueCache(like: $0) }) }

  package func clear(on pool: WorkerPool) {
    for cache in caches { cache.clear() }
  }

  package func copy(_ other: any MixerState, on pool: WorkerPool) {
    for (mine, theirs) in zip(caches, own(other).caches) { mine.copy(theirs) }
  }

  package func copy(sequence: Int, _ other: any MixerState, sequence source: Int, on pool: WorkerPool) {
    caches[sequence].copy(own(other).caches[source])
  }

  package func prefix(_ batch: Int) -> any MixerState { AttentionState(Array(caches.prefix(batch))) }

  package var isFinite: Bool { values.allSatisfy(\.isFinite) }

  package var parts: [(name: String, numbers: MixerStateNumbers)] { [] }

  package var scales: [Double] { [] }

  /// The keys, then the values, of each sequence.
  package var values: [Double] { caches.flatMap { $0.numbers.map(Double.init) } }

  package func start(from initial: Tensor, on pool: WorkerPool) {
    preconditionFailure("AttentionState: attention has no initial state")
  }

  package var byteCount: Int { caches.reduce(0) { $0 + $1.byteCount } }
}

extension AttentionMixer {
  static func makeState(_ c: ModelConfiguration, batch: Int) -> AttentionState {
    AttentionState(
      (0..<batch).map { _ in
        KeyValueCache(
          heads: c.attention.keyHeads, headWidth: c.attention.headWidth, format: c.attention.cacheFormat)
      })
  }

  static func stateByteCount(_ c: ModelConfiguration, batch: Int, position: Int) -> Double {
    let tokens = min(position, c.attention.window ?? .max)
    return 2 * Double(batch) * Double(tokens) * Double(c.attention.keyWidth * c.attention.cacheFormat.byteCount)
  }

  /// A cache grows with the text, and is not written to files.
  static func stateShape(_ c: ModelConfiguration) -> MixerStateShape? { nil }
}
