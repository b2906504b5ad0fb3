internal import Configurations

/// A row of a batch: its targets, the ids before them as inputs, and where its documents start.
///
/// What starts from an empty state starts with BOS, if the model has one. Where it has none, a document's first id cannot be
/// known from anything of the document, and is not scored when documents are told apart; its state then begins with that
/// id as input. So training knows of each id what an evaluation knows.
struct TrainingSequence {
  /// [T].
  private(set) var inputs: [Int32]
  /// [T]; -1 for what is not scored.
  private(set) var targets: [Int32]
  /// For each input the index at which its document starts [T], -1 for one that started before the sequence.
  private(set) var documents: [Int32]

  private let bos: BOSPlacement
  private let boundary: DocumentBoundary

  /// Reads the ids.
  ///
  /// - Parameters:
  ///   - file: Where they are.
  ///   - ranges: Of the targets. Each range but the first begins behind a gap, or at the start of the file.
  ///   - bos: Where BOS goes.
  ///   - boundary: What a document's end does, and a gap.
  ///   - startsEmpty: Whether the state is empty before the first id; otherwise it is that of the ids before.
  /// - Throws: `CorpusError.idOutsideVocabulary`; `FileError` for a file that can no longer be read.
  init(
    _ file: TokenFile, _ ranges: [Range<Int>], bos: BOSPlacement, boundary: DocumentBoundary,
    startsEmpty: Bool
  ) throws {
    let count = ranges.reduce(0) { $0 + $1.count }
    (self.bos, self.boundary) = (bos, boundary)
    inputs = [Int32](repeating: 0, count: count)
    targets = inputs
    documents = [Int32](repeating: -1, count: count)
    var first = 0
    for range in ranges {
      try read(file, range, at: first, startsEmpty: startsEmpty)
      try markDocuments(of: file, in: range, at: first)
      first += range.count
    }
    var start: Int32 = -1
    for index in documents.indices {
      start = max(start, documents[index])
      documents[index] = start
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
    // Behind a gap the state has to be made empty.
    if first > 0 { start(at: first) }
    if case .sequence(let bosID) = bos, first > 0 || startsEmpty {
      inputs[first] = bosID
      return
    }
    let before = (range.lowerBound == 0 ? file.count : range.lowerBound) - 1
    var inputSpan = inputs.mutableSpan
    try file.copyIDs(from: before, into: &inputSpan, at: first..<first + 1)
    // Without BOS a document's state begins with its first id as input, which may be the first input of all.
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
    if index < documents.count { documents[index] = Int32(index) }
  }
}

/// Where a model expects BOS.
package enum BOSPlacement: Equatable, Sendable {
  /// At the start of everything that starts from an empty state: each training sequence, each text.
  case sequence(bosID: Int32)
  /// At the start of each document only; the id before a document's first is BOS instead of the last document's end.
  case document(bosID: Int32)
  /// Nowhere.
  case none
}

/// What the end of a document does to the state, where several documents lie in a sequence.
package enum DocumentBoundary: String, CaseIterable, Sendable, ConfigurationChoice {
  /// The state is forgotten: no document knows of another.
  case reset
  /// The state goes on: a document is read as the continuation of the one before.
  case continuous
}
