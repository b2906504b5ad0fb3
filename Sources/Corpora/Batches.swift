/// Training batches from a token file, any of them at any time, in an order that the seed decides.
///
/// The ids form a ring. Epoch e goes round it once, from a start that is drawn for it; the epochs lie one behind the
/// other as on a tape, and the tape is cut into segments of T ids. So in each N = `file.count` ids of the tape every id
/// is a target exactly once, and nothing is padded or left out. The segments that begin in an epoch are shuffled; the
/// last of them may reach into the next epoch, which continues behind it. Nothing is stored: batch i is computed from
/// the seed and i, so that a resumed run needs only the number of its next batch.
package struct Batches: Sendable {
  /// The ids.
  package let file: TokenFile
  /// B: Sequences in a batch.
  package let batchSize: Int
  /// T: Ids in a sequence.
  package let sequenceLength: Int
  /// Where BOS goes.
  package let bos: BOSPlacement
  /// Decides the order.
  package let seed: UInt64

  /// Describes the batches; copies nothing yet.
  ///
  /// - Parameters:
  ///   - file: At least one id.
  ///   - batchSize: B ≥ 1.
  ///   - sequenceLength: T ≥ 1; it may exceed the file.
  ///   - bos: Where BOS goes.
  ///   - seed: Decides the order.
  /// - Throws: `CorpusError.noIDs`.
  package init(
    _ file: TokenFile, batchSize: Int, sequenceLength: Int, bos: BOSPlacement, seed: UInt64
  ) throws(CorpusError) {
    precondition(batchSize >= 1 && sequenceLength >= 1, "batches of [\(batchSize), \(sequenceLength)]")
    guard file.count > 0 else { throw .noIDs(path: file.path) }
    self.file = file
    self.batchSize = batchSize
    self.sequenceLength = sequenceLength
    self.bos = bos
    self.seed = seed
  }

  /// How many epochs are behind when a number of batches is done: targets seen / N.
  ///
  /// - Parameter batchCount: Batches, ≥ 0.
  /// - Returns: Epochs, with a fraction.
  package func epochs(afterBatches batchCount: Int) -> Double {
    Double(batchCount) * Double(batchSize) * Double(sequenceLength) / Double(file.count)
  }

  /// Copies a batch: targets are T consecutive ids each; an input is the id before its target, or BOS by the rule.
  ///
  /// - Parameters:
  ///   - index: Of the batch, ≥ 0.
  ///   - inputs: [B, T], filled.
  ///   - targets: [B, T], filled.
  /// - Throws: `CorpusError.idOutsideVocabulary`.
  package func copyBatch(
    at index: Int, inputs: inout MutableSpan<Int32>, targets: inout MutableSpan<Int32>
  ) throws(CorpusError) {
    let count = batchSize * sequenceLength
    precondition(
      index >= 0 && inputs.count == count && targets.count == count,
      "batch \(index): inputs \(inputs.count), targets \(targets.count), expected [\(batchSize), \(sequenceLength)]")
    for row in 0..<batchSize {
      let range = row * sequenceLength..<(row + 1) * sequenceLength
      let tape = segment(at: index * batchSize + row) * sequenceLength
      try copySequence(fromTape: tape, at: range, inputs: &inputs, targets: &targets)
    }
  }

  /// The segment of the tape that comes at a place in the shuffled order.
  private func segment(at place: Int) -> Int {
    let epoch = place * sequenceLength / file.count
    let first = firstSegment(of: epoch)
    let permutation = Permutation(
      count: firstSegment(of: epoch + 1) - first, key: mixed(seed ^ mixed(UInt64(epoch))))
    return first + permutation[place - first]
  }

  private func firstSegment(of epoch: Int) -> Int {
    (epoch * file.count + sequenceLength - 1) / sequenceLength
  }

  /// Where the ring is entered in an epoch, 0..<T.
  private func start(of epoch: Int) -> Int {
    Int(mixed(mixed(seed &+ 1) ^ UInt64(epoch)) % UInt64(sequenceLength))
  }

  private func copySequence(
    fromTape tape: Int, at range: Range<Int>, inputs: inout MutableSpan<Int32>, targets: inout MutableSpan<Int32>
  ) throws(CorpusError) {
    var index = range.lowerBound
    while index < range.upperBound {
      let (epoch, place) = (tape + index - range.lowerBound).quotientAndRemainder(dividingBy: file.count)
      let position = (start(of: epoch) + place) % file.count
      // A run ends with the sequence, with the epoch or at the end of the file.
      let run = index..<index + min(range.upperBound - index, file.count - place, file.count - position)
      try file.copyIDs(from: position, into: &targets, at: run)
      for index in run where index > range.lowerBound { inputs[index] = targets[index - 1] }
      if index == range.lowerBound { try copyFirstInput(before: position, at: index, to: &inputs) }
      if case .document(let bosID) = bos { markDocuments(from: position, at: run, bosID: bosID, in: &inputs) }
      index = run.upperBound
    }
  }

  private func copyFirstInput(
    before position: Int, at index: Int, to inputs: inout MutableSpan<Int32>
  ) throws(CorpusError) {
    if case .sequence(let bosID) = bos {
      inputs[index] = bosID
    } else {
      try file.copyIDs(from: (position == 0 ? file.count : position) - 1, into: &inputs, at: index..<index + 1)
    }
  }

  private func markDocuments(
    from position: Int, at run: Range<Int>, bosID: Int32, in inputs: inout MutableSpan<Int32>
  ) {
    var document = file.firstDocument(startingFrom: position)
    while document < file.documentCount {
      let index = run.lowerBound + file.documentRange(document).lowerBound - position
      guard index < run.upperBound else { return }
      inputs[index] = bosID
      document += 1
    }
  }
}
