/// The ids of a file as streams that are read side by side, each without a gap: any sequence of them at any time.
///
/// The N ids form a ring, and the streams begin at equal distances on it, from a place that the seed draws. Each goes
/// round for ever: when it comes to where the next one began, all together have read every id once. Nothing is shuffled,
/// as a stream's sequences follow each other.
struct Streams: Sendable {
  /// The ids; at least one.
  let file: TokenFile
  /// How many streams there are.
  let count: Int
  /// T.
  let sequenceLength: Int
  /// Decides where they begin.
  let seed: UInt64

  /// Where the targets of a sequence lie.
  ///
  /// - Parameters:
  ///   - stream: 0..<count.
  ///   - index: Of the sequence in its stream, ≥ 0.
  /// - Returns: Ranges of the file, T ids together; a range ends with the sequence or with the file.
  func ranges(ofStream stream: Int, sequence index: Int) -> [Range<Int>] {
    let start = Int(mixed(mixed(seed &+ 2)) % UInt64(file.count))
    // ⌊stream · N / count⌋, without a product that might not fit.
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
