/// An error in a text, a token file or the batches made from them.
package enum CorpusError: Error, Equatable, CustomStringConvertible {
  /// The text has no bytes.
  case emptyText(path: String)
  /// The text has a zero byte, so it is binary. The offset counts bytes from 0, the line counts from 1.
  case binaryText(path: String, offset: Int, line: Int)
  /// A byte sequence of the text is not UTF-8.
  case invalidText(path: String, offset: Int, line: Int)
  /// A line of a JSON lines file is not an object with the field, or the field is not a string.
  case invalidRecord(path: String, line: Int, field: String, reason: String)
  /// A line of a file of conversations is not what the fields say.
  case invalidConversation(path: String, line: Int, reason: String)
  /// No document is left after skipping the empty ones.
  case noDocuments(path: String)
  /// A token file violates its format.
  case invalidTokenFile(path: String, part: String, expected: String, found: String)
  /// A token file holds an id that is outside its vocabulary.
  case idOutsideVocabulary(path: String, position: Int, id: Int, vocabularySize: Int)
  /// A token file is valid but holds no ids.
  case noIDs(path: String)

  /// A `.bin` file of token ids violates its format.
  case invalidBinFile(path: String, reason: String)
  /// A format has no place for something in a token file.
  case notExpressible(path: String, reason: String)

  /// The message in one line.
  package var description: String {
    switch self {
    case .emptyText(let path): "\(path): expected text, found an empty file"
    case .binaryText(let path, let offset, let line):
      "\(path): line \(line), byte offset \(offset): expected text, found a zero byte"
    case .invalidText(let path, let offset, let line):
      "\(path): line \(line), byte offset \(offset): expected UTF-8, found other bytes"
    case .invalidRecord(let path, let line, let field, let reason):
      "\(path): line \(line): expected a JSON object with the text field '\(field)', found \(reason)"
    case .invalidConversation(let path, let line, let reason): "\(path): line \(line): \(reason)"
    case .noDocuments(let path): "\(path): expected documents, found only empty ones"
    case .invalidTokenFile(let path, let part, let expected, let found):
      "\(path): \(part): expected \(expected), found \(found)"
    case .idOutsideVocabulary(let path, let position, let id, let vocabularySize):
      "\(path): id at position \(position): expected less than \(vocabularySize), found \(id)"
    case .noIDs(let path): "\(path): expected ids, found none"
    case .invalidBinFile(let path, let reason), .notExpressible(let path, let reason): "\(path): \(reason)"
    }
  }

  /// A suggested next step, where there is one.
  package var hint: String? {
    switch self {
    case .binaryText: "give a plain text file"
    case .invalidText: "convert the file to UTF-8; 'retnet tokenize encode' and 'pack' also take --invalid bytes"
    case .invalidRecord: "name the field that holds the text with --jsonl-field; --on-error skip leaves out such lines"
    case .invalidTokenFile, .idOutsideVocabulary: "make the file again with 'retnet tokenize pack'"
    case .invalidBinFile: "files of nanoGPT have no header and need --format nanogpt; others may be cut off"
    case .invalidConversation, .emptyText, .noDocuments, .noIDs, .notExpressible: nil
    }
  }
}
