internal import Configurations

/// A row of a batch: its targets, the ids before them as inputs, and where its documents start.
///
/// If the model has a BOS, everything that starts from an empty state starts with BOS. Without BOS, nothing in a
/// document predicts its first id. That id is then not scored when documents are separated, and the state starts with
/// it as input. So training and evaluation predict each id from the same context.
struct TrainingSequence {
  /// [T].
  private(set) var inputs: [Int32]
  /// [T]; -1 for what is not scored: by the mask of the file, or for want of a token before it.
  private(set) var targets: [Int32]
  /// For each input the index at which its document starts [T], -1 for one that started before the sequence.
  private(set) var documentStarts: [Int32]

  private let bos: BOSPlacement
  private let boundary: DocumentBoundary

  /// Reads the ids.
  ///
  /// - Parameters:
  ///   - file: Where they are.
  ///   - ranges: The ranges of the targets. Each range but the first follows a gap, or is at the start of the file.
  ///   - bos: Where BOS is inserted.
  ///   - boundary: What happens to the state at the end of a document, and at a gap.
  ///   - startsEmpty: Whether the state before the first id is empty; otherwise it comes from the ids before.
  /// - Throws: `CorpusError.idOutsideVocabulary`; `FileError` for a file that can no longer be read.
  init(
    _ file: TokenFile, _ ranges: [Range<Int>], bos: BOSPlacement, boundary: DocumentBoundary,
    startsEmpty: Bool
  ) throws {
    let count = ranges.reduce(0) { $0 + $1.count }
    (self.bos, self.boundary) = (bos, boundary)
    inputs = [Int32](repeating: 0, count: count)
    targets = inputs
    documentStarts = [Int32](repeating: -1, count: count)
    var first = 0
    for range in ranges {
      try read(file, range, at: first, startsEmpty: startsEmpty)
      try markDocuments(of: file, in: range, at: first)
      first += range.count
    }
    // Last, because inputs are copied from targets.
    first = 0
    for range in ranges {
      for unscored in try file.unscoredRanges(in: range) {
        for position in unscored { targets[first + position - range.lowerBound] = -1 }
      }
      first += range.count
    }
    var start: Int32 = -1
    for index in documentStarts.indices {
      start = max(start, documentStarts[index])
      documentStarts[index] = start
    }
  }

  private mutating func read(
    _ file: TokenFile, _ range: Range<Int>, at first: Int, startsEmpty: Bool
  ) throws {
    let place = first..<first + range.count
    var targetSpan = targets.mutableSpan
    try file.copyIDs(from: range.lowerBound, into: &targetSpan, at: place)
    for index in place.dropFirst() { inputs[index] = targets[index - 1] }
    if first > 0 && boundary == .continuous {
      inputs[first] = targets[first - 1]
      return
    }
    // After a gap the state has to be emptied.
    if first > 0 { start(at: first) }
    if case .sequence(let bosID) = bos, first > 0 || startsEmpty {
      inputs[first] = bosID
      return
    }
    let before = (range.lowerBound == 0 ? file.count : range.lowerBound) - 1
    var inputSpan = inputs.mutableSpan
    try file.copyIDs(from: before, into: &inputSpan, at: first..<first + 1)
    // Without BOS a document's state starts with its first id as input, which may be the first input of all.
    if case .none = bos, boundary == .reset, try file.isFirstOfDocument(before) { start(at: first) }
  }

  private mutating func markDocuments(of file: TokenFile, in range: Range<Int>, at first: Int) throws {
    for document in try file.firstDocument(startingFrom: range.lowerBound)..<file.documentCount {
      let position = try file.documentRange(document).lowerBound
      guard position < range.upperBound else { return }
      let index = first + position - range.lowerBound
      switch (bos, boundary) {
      case (.document(let bosID), .continuous): inputs[index] = bosID
      case (.document(let bosID), .reset), (.sequence(let bosID), .reset):
        inputs[index] = bosID
        start(at: index)
      case (.none, .reset):
        targets[index] = -1
        start(at: index + 1)
      case (.sequence, .continuous), (.none, .continuous): return
      }
    }
  }

  private mutating func start(at index: Int) {
    if index < documentStarts.count { documentStarts[index] = Int32(index) }
  }
}

/// Where a model expects BOS (the beginning-of-sequence id).
package enum BOSPlacement: Equatable, Sendable {
  /// At the start of everything that starts from an empty state: each training sequence, each text.
  case sequence(bosID: Int32)
  /// Only at the start of each document: BOS takes the place of the previous document's end.
  case document(bosID: Int32)
  /// Nowhere.
  case none
}

/// What the end of a document does to the state, where a sequence holds several documents.
package enum DocumentBoundary: String, CaseIterable, Sendable, ConfigurationChoice {
  /// The state is reset: each document is read without the others.
  case reset
  /// The state is kept: a document is read as the continuation of the one before.
  case continuous
}
