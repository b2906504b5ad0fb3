internal import Corpora
internal import Files
internal import Inference
internal import Modeling
internal import Tokenization

/// The text of an evaluation, read again.
struct ReportText {
  let file: String
  let model: LoadedModel
  let documents: DocumentRule

  /// Throws unless the text can be read more than once.
  ///
  /// - Throws: `CommandError` that names standard input or a pipe.
  static func check(_ path: String) throws {
    let isStream = StreamPath.isStandardInput(path) || fileExists(path: path) && FileIdentity(path: path) == nil
    guard isStream else { return }
    throw CommandError(
      .usage, "--report: expected files, which are read again, found the stream \(StreamPath.inputName(path))",
      hint: "save it to a file first")
  }

  /// Passes all documents to a closure in pieces of bounded size.
  func forEachPart(_ body: (TextInput.Part) throws -> Void) throws {
    try TextInput(path: file).forEachPart(
      of: model.header, model.tokenizer, rule: documents, eosID: model.eosID, body)
  }

  /// The end of a document, with which of its tokens are scored.
  struct Ending {
    var ids: [Int32] = []
    var isScored: [Bool] = []
    /// Whether it is the whole document.
    var isWhole = true
  }

  /// Finds the tokens before sampled positions, and the end of a document.
  ///
  /// - Parameters:
  ///   - positions: Sampled tokens, by their index among all tokens.
  ///   - context: The number of tokens before each that are kept.
  ///   - document: The number of a document, from 1.
  ///   - length: The most tokens of its end to keep.
  /// - Returns: For each position its context and its token, and the end of the document.
  /// - Throws: What reading the texts throws.
  func windows(
    at positions: [PositionSample.Position], context: Int, endOf document: Int, length: Int
  ) throws -> (windows: [[Int32]], ending: Ending) {
    var windows = [[Int32]](repeating: [], count: positions.count)
    // In the order of the text; the windows keep the order of the sample.
    var wanted = positions.enumerated().map { (place: $0.offset, index: $0.element.index) }
      .sorted { $0.index > $1.index }
    var (recent, ending) = ([Int32](), Ending())
    var (index, current) = (0, 0)
    func read(_ ids: [Int32], _ unscored: [Range<Int>]) {
      for id in ids {
        recent.append(id)
        if wanted.last?.index == index, let place = wanted.popLast()?.place {
          windows[place] = Array(recent.suffix(context + 1))
        }
        if recent.count > 2 * context + 2 { recent.removeFirst(recent.count - context - 1) }
        index += 1
      }
      guard current == document else { return }
      ending.ids += ids
      ending.isScored += ids.indices.map { index in !unscored.contains { $0.contains(index) } }
      guard ending.ids.count > 2 * length else { return }
      ending.cut(to: length)
    }
    try forEachPart { part in
      switch part {
      case .start:
        current += 1
        recent.removeAll(keepingCapacity: true)
      case .ids(let ids): read(ids, [])
      case .masked(let ids, let unscored): read(ids, unscored)
      case .end: break
      }
    }
    ending.cut(to: length)
    return (windows, ending)
  }
}

extension ReportText.Ending {
  fileprivate mutating func cut(to length: Int) {
    guard ids.count > length else { return }
    ids.removeFirst(ids.count - length)
    isScored.removeFirst(isScored.count - length)
    isWhole = false
  }
}
