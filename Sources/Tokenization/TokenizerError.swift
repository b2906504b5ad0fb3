/// An error in a tokenizer model, its training, or its input.
package enum TokenizerError: Error, Equatable, CustomStringConvertible {
  /// The bytes are not a SentencePiece model that can be used safely.
  case invalidModel(path: String, reason: String)
  /// The bytes are not a `tokenizer.json` that can be used here.
  case invalidTokenizerFile(path: String, reason: String)
  /// A line of a fairseq dictionary is no symbol with a count, or repeats a symbol. Lines count from 1.
  case invalidDictionary(path: String, line: Int, expected: String, found: String)
  /// A fairseq dictionary is not that of the model or of the tokenizer.
  case otherDictionary(path: String, expected: String, found: String)
  /// A byte sequence of the text is not UTF-8. The offset counts bytes from 0, the line counts from 1.
  case invalidText(source: String, offset: Int, line: Int)
  /// An id is outside the vocabulary.
  case unknownID(Int32, vocabularySize: Int)
  /// SentencePiece failed while encoding.
  case encodingFailed(source: String, reason: String)
  /// A training setting is out of range.
  case invalidSetting(name: String, expected: String, found: String)
  /// There is no text to train on.
  case noTrainingText
  /// The text is too short for a vocabulary of this size.
  case vocabularyTooLarge(requested: Int, largest: Int)
  /// The vocabulary is too small for the characters and special pieces that it must hold.
  case vocabularyTooSmall(requested: Int, smallest: Int)
  /// SentencePiece failed while training.
  case trainingFailed(reason: String)

  /// The message in one line.
  package var description: String {
    switch self {
    case .invalidModel(let path, let reason): "\(path): not a usable SentencePiece model: \(reason)"
    case .invalidTokenizerFile(let path, let reason): "\(path): not a usable tokenizer.json: \(reason)"
    case .invalidDictionary(let path, let line, let expected, let found):
      "\(path): line \(line): expected \(expected), found \(found)"
    case .otherDictionary(let path, let expected, let found): "\(path): expected \(expected), found \(found)"
    case .invalidText(let source, let offset, let line):
      "\(source): line \(line), byte offset \(offset): expected UTF-8, found other bytes"
    case .unknownID(let id, let vocabularySize): "id \(id): expected 0..<\(vocabularySize)"
    case .encodingFailed(let source, let reason): "\(source): SentencePiece cannot encode: \(reason)"
    case .invalidSetting(let name, let expected, let found): "\(name): expected \(expected), found \(found)"
    case .noTrainingText: "tokenizer training: expected text besides symbols, U+2581 and U+2585, found none"
    case .vocabularyTooLarge(let requested, let largest):
      "vocabulary size: the text can fill at most \(largest) pieces, found \(requested)"
    case .vocabularyTooSmall(let requested, let smallest):
      "vocabulary size: the text needs at least \(smallest) pieces, found \(requested)"
    case .trainingFailed(let reason): "tokenizer training: \(reason)"
    }
  }

  /// A suggested next step, where there is one.
  package var hint: String? {
    switch self {
    case .invalidModel: "the file is incomplete or damaged; copy or download it again"
    case .invalidTokenizerFile:
      "byte-level BPE as of GPT-2, GPT-NeoX, Llama 3 and Qwen 2 can be read; otherwise give SentencePiece's tokenizer.model"
    case .invalidDictionary: "a line of fairseq's dict.txt is a piece, a space and a count"
    case .otherDictionary: "give the dict.txt and the tokenizer that the model was trained with"
    case .invalidText: "convert the text to UTF-8; 'retnet tokenize encode' and 'pack' also take --invalid bytes"
    case .vocabularyTooLarge(_, let largest): "use --vocab-size \(largest), or more text"
    case .vocabularyTooSmall(_, let smallest): "use --vocab-size \(smallest), or a lower --character-coverage"
    default: nil
    }
  }
}
