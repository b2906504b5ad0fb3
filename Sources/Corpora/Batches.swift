/// Training batches from token files, with random access to any batch, in an order set by the seed.
///
/// There are two orders. Shuffled: sequences are drawn from the files by their weights. Streams: each row of the batch
/// reads a stream of its own, sequence after sequence, and the weights say how many rows read which file. Nothing is
/// stored: batch i is computed from the seed and i. A resumed run needs only the number of its next batch.
package struct Batches: Sendable {
  /// The token files.
  package let files: [TrainingFile]
  /// B: Sequences in a batch.
  package let batchSize: Int
  /// T: Ids in a sequence.
  package let sequenceLength: Int
  /// Where BOS is inserted.
  package let bos: BOSPlacement
  /// What happens to the state at the end of a document.
  package let boundary: DocumentBoundary
  private let order: Order

  private enum Order {
    case shuffled(Mixture, [Tape])
    /// The streams of each file, and for each row the file and stream that it reads.
    case streams([Streams], rows: [(file: Int, stream: Int)])
  }

  /// Describes the batches; copies nothing yet.
  ///
  /// - Parameters:
  ///   - files: At least one; at most as many as rows if they read streams. Each holds an id.
  ///   - batchSize: B ≥ 1.
  ///   - sequenceLength: T ≥ 1; it may exceed the file.
  ///   - bos: Where BOS is inserted.
  ///   - boundary: What happens to the state at the end of a document.
  ///   - areStreams: Whether each row continues in the next batch where this one ends; otherwise all is shuffled.
  ///   - seed: Sets the order.
  /// - Throws: `CorpusError.noIDs`.
  package init(
    _ files: [TrainingFile], batchSize: Int, sequenceLength: Int, bos: BOSPlacement, boundary: DocumentBoundary,
    areStreams: Bool = false, seed: UInt64
  ) throws(CorpusError) {
    precondition(batchSize >= 1 && sequenceLength >= 1, "batches of [\(batchSize), \(sequenceLength)]")
    for file in files where file.file.count == 0 { throw .noIDs(path: file.file.path) }
    self.files = files
    self.batchSize = batchSize
    self.sequenceLength = sequenceLength
    self.bos = bos
    self.boundary = boundary
    // The first file uses the seed itself, so that it is read in the same order alone and among others.
    func ownSeed(_ index: Int) -> UInt64 { index == 0 ? seed : splitMix64(seed ^ splitMix64(UInt64(index))) }
    if areStreams {
      let rows = files.rows(of: batchSize)
      order = .streams(
        files.indices.map { index in
          Streams(
            file: files[index].file, count: rows[index], sequenceLength: sequenceLength, seed: ownSeed(index))
        }, rows: files.indices.flatMap { file in (0..<rows[file]).map { (file, $0) } })
    } else {
      order = .shuffled(
        Mixture(weights: files.map(\.weight), seed: seed),
        files.indices.map { Tape(file: files[$0].file, sequenceLength: sequenceLength, seed: ownSeed($0)) })
    }
  }

  /// Batches of one file.
  package init(
    _ file: TokenFile, batchSize: Int, sequenceLength: Int, bos: BOSPlacement, boundary: DocumentBoundary,
    areStreams: Bool = false, seed: UInt64
  ) throws(CorpusError) {
    try self.init(
      [TrainingFile(file)], batchSize: batchSize, sequenceLength: sequenceLength, bos: bos, boundary: boundary,
      areStreams: areStreams, seed: seed)
  }

  /// How many of a file's ids have been targets after a number of batches.
  ///
  /// - Parameters:
  ///   - index: The index of the file.
  ///   - batchCount: Batches, ≥ 0.
  /// - Returns: Ids; each epoch counts them again.
  package func idsRead(ofFile index: Int, afterBatches batchCount: Int) -> Int {
    switch order {
    case .shuffled(let mixture, _): mixture.count(of: index, among: batchCount * batchSize) * sequenceLength
    case .streams(let streams, _): batchCount * streams[index].count * sequenceLength
    }
  }

  /// How many epochs have passed after a number of batches: targets seen / N.
  ///
  /// - Parameters:
  ///   - index: The index of the file.
  ///   - batchCount: Batches, ≥ 0.
  /// - Returns: Epochs of the file, with a fraction.
  package func epochs(ofFile index: Int = 0, afterBatches batchCount: Int) -> Double {
    Double(idsRead(ofFile: index, afterBatches: batchCount)) / Double(files[index].file.count)
  }

  /// Copies a batch, or some rows of it. The targets are T consecutive ids; each input is the id before its target, or BOS
  /// by the rule.
  ///
  /// - Parameters:
  ///   - index: The index of the batch, ≥ 0.
  ///   - rows: Rows of the batch; nil: all.
  ///   - startsEmpty: Whether the states before it are empty; always true where all is shuffled.
  ///   - inputs: [rows, T], filled.
  ///   - targets: [rows, T], filled; -1 for what is not scored.
  ///   - documentStarts: [rows, T], filled: for each input the index in its sequence at which its document starts, -1 for one
  ///     that started before it.
  /// - Throws: `CorpusError.idOutsideVocabulary`; `FileError` for a file that can no longer be read.
  package func copyBatch(
    at index: Int, rows: Range<Int>? = nil, startsEmpty: Bool = true, inputs: inout MutableSpan<Int32>,
    targets: inout MutableSpan<Int32>,
    documentStarts: inout MutableSpan<Int32>
  ) throws {
    let rows = rows ?? 0..<batchSize
    let count = rows.count * sequenceLength
    precondition(
      index >= 0 && rows.lowerBound >= 0 && rows.upperBound <= batchSize && inputs.count == count
        && targets.count == count && documentStarts.count == count,
      "batch \(index): inputs \(inputs.count), targets \(targets.count), documents \(documentStarts.count), expected "
        + "[\(rows.count), \(sequenceLength)] of \(batchSize) rows")
    for row in rows {
      let (file, ranges) = ranges(ofRow: row, inBatch: index)
      let sequence = try TrainingSequence(
        files[file].file, ranges, bos: bos, boundary: boundary, startsEmpty: startsEmpty)
      let start = (row - rows.lowerBound) * sequenceLength
      for index in 0..<sequenceLength {
        inputs[start + index] = sequence.inputs[index]
        targets[start + index] = sequence.targets[index]
        documentStarts[start + index] = sequence.documentStarts[index]
      }
    }
  }

  /// The file that a row reads in a batch, and the ranges in it.
  private func ranges(ofRow row: Int, inBatch index: Int) -> (file: Int, ranges: [Range<Int>]) {
    switch order {
    case .shuffled(let mixture, let tapes):
      let (file, place) = mixture[index * batchSize + row]
      return (file, tapes[file].ranges(ofSequence: place))
    case .streams(let streams, let rows):
      let (file, stream) = rows[row]
      return (file, streams[file].ranges(ofStream: stream, sequence: index))
    }
  }
}
