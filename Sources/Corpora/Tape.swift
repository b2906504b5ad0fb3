/// The ids of a file in the shuffled order of training, with random access to any sequence.
///
/// The N ids form a ring. Epoch e goes round it once, from a start drawn for that epoch. The epochs lie one after the
/// other, as on a tape, and the tape is cut into segments of T ids. So each stretch of N ids of the tape holds every id
/// exactly once; nothing is padded or left out. The segments that start in an epoch are shuffled. The last of them may
/// reach into the next epoch, which continues after it. Nothing is stored: everything is computed from the seed.
struct Tape: Sendable {
  /// The ids; at least one.
  let file: TokenFile
  /// T, the number of ids in a sequence.
  let sequenceLength: Int
  /// Sets the order.
  let seed: UInt64

  /// The ranges of the file that hold the targets of a sequence.
  ///
  /// - Parameter place: The position of the sequence in the shuffled order, ≥ 0.
  /// - Returns: Ranges of the file, T ids together; a range ends with the sequence, with the epoch or with the file.
  func ranges(ofSequence place: Int) -> [Range<Int>] {
    var ranges: [Range<Int>] = []
    var tape = segment(at: place) * sequenceLength
    let end = tape + sequenceLength
    while tape < end {
      let (epoch, offset) = tape.quotientAndRemainder(dividingBy: file.count)
      let position = (start(of: epoch) + offset) % file.count
      let count = min(end - tape, file.count - offset, file.count - position)
      if let last = ranges.last, last.upperBound == position {
        // An epoch that starts where the one before ended leaves no gap.
        ranges[ranges.count - 1] = last.lowerBound..<position + count
      } else {
        ranges.append(position..<position + count)
      }
      tape += count
    }
    return ranges
  }

  /// The segment of the tape at a position in the shuffled order.
  private func segment(at place: Int) -> Int {
    let epoch = place * sequenceLength / file.count
    let first = firstSegment(of: epoch)
    let permutation = Permutation(
      count: firstSegment(of: epoch + 1) - first, key: splitMix64(seed ^ splitMix64(UInt64(epoch))))
    return first + permutation[place - first]
  }

  private func firstSegment(of epoch: Int) -> Int {
    (epoch * file.count + sequenceLength - 1) / sequenceLength
  }

  /// Where an epoch enters the ring, 0..<T.
  private func start(of epoch: Int) -> Int {
    Int(splitMix64(splitMix64(seed &+ 1) ^ UInt64(epoch)) % UInt64(sequenceLength))
  }
}
