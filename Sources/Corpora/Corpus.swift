internal import Files

/// The texts of a corpus: files and folders, read one after the other.
package final class Corpus {
  /// What to do about a file or a line that cannot be read.
  package enum ErrorRule: String, Sendable, CaseIterable {
    /// Leave it out, and count it.
    case skip
    /// End with its error.
    case stop
  }

  /// How the texts are read.
  package struct Options {
    /// What the names of files in folders must match, as in a shell; nil: any name.
    package var pattern: String?
    package var rule = DocumentRule.file
    /// Whether texts must be UTF-8 without zero bytes.
    package var isChecked = true
    package var errors = ErrorRule.stop

    package init() {}
  }

  /// A text.
  private struct Text {
    let path: String
    /// Whether it was found in a folder, where texts without documents are no error.
    let isFound: Bool
  }

  private let options: Options
  private var texts: [Text] = []
  private let report: (any Error) -> Void
  /// The bytes of the texts before the one that is read, as they are stored.
  private var bytesBefore = 0
  private var source: ByteSource?

  /// Files that were left out, those that are no longer counted by `paths` among them.
  package private(set) var skippedFiles = 0
  /// Lines of JSON lines files that were left out.
  package private(set) var skippedRecords = 0

  /// Lists the texts; reads none.
  ///
  /// - Parameters:
  ///   - paths: Files, pipes, `-` for standard input, or folders; see `filesBelow`.
  ///   - options: How they are read.
  ///   - report: Receives the error of each file or line that is left out.
  /// - Throws: `FileError.noFiles` for a folder without a file to read; the errors of folders that cannot be read.
  package init(_ paths: [String], _ options: Options, report: @escaping (any Error) -> Void) throws {
    self.options = options
    self.report = report
    for path in paths {
      guard path != StreamPath.dash, isFolder(path: path) else {
        texts.append(Text(path: path, isFound: false))
        continue
      }
      let skippedBefore = skippedFiles
      let found = try filesBelow(folder: path, matching: options.pattern) { try skip($0) }
      if found.isEmpty, skippedFiles == skippedBefore {
        throw FileError.noFiles(folder: path, pattern: options.pattern)
      }
      texts += found.map { Text(path: $0, isFound: true) }
    }
  }

  /// The paths of all texts, in their order.
  package var paths: [String] { texts.map(\.path) }

  /// The bytes of all texts as they are stored; nil if one is a stream.
  package var byteCount: Int? {
    texts.reduce(0 as Int?) { sum, text in
      sum.flatMap { sum in storedByteCount(path: text.path).map { sum + $0 } }
    }
  }

  /// How many of these bytes have been read.
  package var position: Int { bytesBefore + (source?.position ?? 0) }

  /// Passes the documents of all texts to a closure in pieces.
  ///
  /// With `ErrorRule.skip`, a file is first read to its end once, so that nothing comes of one that cannot be read.
  /// Streams are read only once; their errors are thrown.
  ///
  /// - Parameter body: Receives the next bytes of a document, whether it ends with them, and the name of the text in
  ///   messages. See `Documents.forEachPiece`.
  /// - Throws: The errors of `TextReader` and of JSON lines, with `ErrorRule.stop`; `CorpusError.noDocuments`; what the
  ///   body throws.
  package func forEachPiece(_ body: (Span<UInt8>, Bool, String) throws -> Void) throws {
    try forEachText { reader in
      let name = reader.source.name
      return try Documents(reader, rule: options.rule).forEachPiece(badRecord: skipRecord) { bytes, isEnd in
        try body(bytes, isEnd, name)
      }
    }
  }

  /// Passes the documents of JSON lines texts of which only a part is scored to a closure; otherwise as `forEachPiece`.
  ///
  /// - Parameters:
  ///   - rule: How an object becomes a document, instead of the rule of the options.
  ///   - body: Receives the parts of a document, and the name of the text in messages.
  /// - Throws: As `forEachPiece`.
  package func forEachScored(_ rule: ScoredDocumentRule, _ body: ([DocumentPart], String) throws -> Void) throws {
    try forEachText { reader in
      let name = reader.source.name
      return try ScoredDocuments(reader, rule: rule).forEach(badRecord: skipRecord) { try body($0, name) }
    }
  }

  /// Opens one text after the other and passes it to a closure, which returns the number of its documents.
  private func forEachText(_ body: (TextReader) throws -> Int) throws {
    var documents = 0
    for text in texts {
      defer {
        bytesBefore += source?.position ?? 0
        source = nil
      }
      if options.errors == .skip, !StreamPath.isStream(text.path) {
        do {
          let reader = try open(text)
          while try reader.next() != nil {}
        } catch {
          try skip(error)
          continue
        }
      }
      let reader = try open(text)
      source = reader.source
      let count = try body(reader)
      if count == 0, !text.isFound, options.errors == .stop {
        throw CorpusError.noDocuments(path: reader.source.name)
      }
      documents += count
    }
    if documents == 0 {
      throw CorpusError.noDocuments(path: texts.map { StreamPath.inputName($0.path) }.joined(separator: ", "))
    }
  }

  private func open(_ text: Text) throws -> TextReader {
    TextReader(try ByteSource(path: text.path), isChecked: options.isChecked, mayBeEmpty: text.isFound)
  }

  private func skip(_ error: any Error) throws {
    guard options.errors == .skip else { throw error }
    skippedFiles += 1
    report(error)
  }

  private func skipRecord(_ error: CorpusError) throws {
    guard options.errors == .skip else { throw error }
    skippedRecords += 1
    report(error)
  }
}
