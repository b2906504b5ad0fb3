/// The ids of a file as parallel streams, each contiguous, with random access to any sequence of a stream.
///
/// The N ids form a ring. The streams start at equal distances on it, from a place drawn from the seed. Each stream
/// goes round without end. When it reaches the start of the next stream, all streams together have read every id once.
/// Nothing is shuffled, because a stream's sequences are consecutive.
struct Streams: Sendable {
  /// The ids; at least one.
  let file: TokenFile
  /// The number of streams.
  let count: Int
  /// T, the number of ids in a sequence.
  let sequenceLength: Int
  /// Sets where they start.
  let seed: UInt64

  /// The ranges of the file that hold the targets of a sequence.
  ///
  /// - Parameters:
  ///   - stream: 0..<count.
  ///   - index: The index of the sequence in its stream, ≥ 0.
  /// - Returns: Ranges of the file, T ids together; a range ends with the sequence or with the file.
  func ranges(ofStream stream: Int, sequence index: Int) -> [Range<Int>] {
    let start = Int(splitMix64(splitMix64(seed &+ 2)) % UInt64(file.count))
    // ⌊stream · N / count⌋, without a product that might overflow.
    let (quotient, rest) = file.count.quotientAndRemainder(dividingBy: count)
    let distance = stream * quotient + stream * rest / count
    var position = (start + distance + index * sequenceLength % file.count) % file.count
    var (ranges, left): ([Range<Int>], Int) = ([], sequenceLength)
    while left > 0 {
      let length = min(left, file.count - position)
      ranges.append(position..<position + length)
      (position, left) = (0, left - length)
    }
    return ranges
  }
}
