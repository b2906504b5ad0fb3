/// Training batches from a token file, any of them at any time, in an order that the seed decides.
///
/// Sequences are shuffled, or each row of the batches reads a stream of its own, sequence after sequence.
/// Nothing is stored: batch i is computed from the seed and i, so that a resumed run needs only the number of its next
/// batch.
package struct Batches: Sendable {
  /// The ids.
  package let file: TokenFile
  /// B: Sequences in a batch.
  package let batchSize: Int
  /// T: Ids in a sequence.
  package let sequenceLength: Int
  /// Where BOS goes.
  package let bos: BOSPlacement
  /// What a document's end does.
  package let boundary: DocumentBoundary
  private let order: Order

  private enum Order {
    case shuffled(Tape)
    case streams(Streams)
  }

  /// Describes the batches; copies nothing yet.
  ///
  /// - Parameters:
  ///   - file: At least one id.
  ///   - batchSize: B ≥ 1.
  ///   - sequenceLength: T ≥ 1; it may exceed the file.
  ///   - bos: Where BOS goes.
  ///   - boundary: What a document's end does.
  ///   - areStreams: Whether each row goes on in the next batch where it ends in this one; otherwise all is shuffled.
  ///   - seed: Decides the order.
  /// - Throws: `CorpusError.noIDs`.
  package init(
    _ file: TokenFile, batchSize: Int, sequenceLength: Int, bos: BOSPlacement, boundary: DocumentBoundary,
    areStreams: Bool = false, seed: UInt64
  ) throws(CorpusError) {
    precondition(batchSize >= 1 && sequenceLength >= 1, "batches of [\(batchSize), \(sequenceLength)]")
    guard file.count > 0 else { throw .noIDs(path: file.path) }
    self.file = file
    self.batchSize = batchSize
    self.sequenceLength = sequenceLength
    self.bos = bos
    self.boundary = boundary
    order =
      areStreams
      ? .streams(Streams(file: file, count: batchSize, sequenceLength: sequenceLength, seed: seed))
      : .shuffled(Tape(file: file, sequenceLength: sequenceLength, seed: seed))
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
  ///   - startsEmpty: Whether the states are empty before it, as they always are where all is shuffled.
  ///   - inputs: [B, T], filled.
  ///   - targets: [B, T], filled; -1 for what is not scored.
  ///   - documents: [B, T], filled: for each input the index in its sequence at which its document starts, -1 for one
  ///     that started before it.
  /// - Throws: `CorpusError.idOutsideVocabulary`.
  package func copyBatch(
    at index: Int, startsEmpty: Bool = true, inputs: inout MutableSpan<Int32>, targets: inout MutableSpan<Int32>,
    documents: inout MutableSpan<Int32>
  ) throws(CorpusError) {
    let count = batchSize * sequenceLength
    precondition(
      index >= 0 && inputs.count == count && targets.count == count && documents.count == count,
      "batch \(index): inputs \(inputs.count), targets \(targets.count), documents \(documents.count), expected "
        + "[\(batchSize), \(sequenceLength)]")
    for row in 0..<batchSize {
      let ranges =
        switch order {
        case .shuffled(let tape): tape.ranges(ofSequence: index * batchSize + row)
        case .streams(let streams): streams.ranges(ofStream: row, sequence: index)
        }
      let sequence = try TrainingSequence(file, ranges, bos: bos, boundary: boundary, startsEmpty: startsEmpty)
      for index in 0..<sequenceLength {
        inputs[row * sequenceLength + index] = sequence.inputs[index]
        targets[row * sequenceLength + index] = sequence.targets[index]
        documents[row * sequenceLength + index] = sequence.documents[index]
      }
    }
  }
}
