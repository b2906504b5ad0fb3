package import Files

/// An error in reading or writing a checkpoint.
package enum CheckpointError: Error, Equatable, CustomStringConvertible {
  /// The file could not be opened, mapped or written, or is of another kind.
  case file(FileError)
  /// The file ends too early, or has bytes that belong to no tensor.
  case fileSize(path: String, expected: Int, found: Int)
  /// The header violates a rule at a byte of the file.
  case header(path: String, byte: Int, expected: String, found: String)
  /// A tensor's description contradicts itself or a neighbouring tensor.
  case tensor(path: String, name: String, expected: String, found: String)
  /// No tensor has the name.
  case missingTensor(path: String, name: String)
  /// The index of a sharded model violates a rule at a byte of its text.
  case index(path: String, byte: Int, expected: String, found: String)
  /// A zip archive violates a rule; the entry is nil if the error concerns the whole archive.
  case archive(path: String, entry: String?, expected: String, found: String)
  /// The pickle of a PyTorch file violates a rule at one of its bytes.
  case pickle(path: String, byte: Int, expected: String, found: String)
  /// No dictionary of a PyTorch file is recognised as the one with the weights.
  case noStateDictionary(path: String, expected: String, found: String)
  /// The folder holds no weights under any of the expected names.
  case noWeights(path: String)

  /// The message in one line.
  package var description: String {
    switch self {
    case .file(let error):
      error.description
    case .fileSize(let path, let expected, let found):
      "\(path): expected \(expected) bytes, found \(found)"
    case .header(let path, 0, let expected, let found):
      "\(path): expected \(expected), found \(found)"
    case .header(let path, let byte, let expected, let found):
      "\(path): header, byte \(byte): expected \(expected), found \(found)"
    case .tensor(let path, let name, let expected, let found):
      "\(path): tensor \(quoted(name)): expected \(expected), found \(found)"
    case .missingTensor(let path, let name):
      "\(path): no tensor \(quoted(name))"
    case .index(let path, let byte, let expected, let found):
      "\(path): byte \(byte): expected \(expected), found \(found)"
    case .archive(let path, let entry, let expected, let found):
      "\(path): \(entry.map { "entry \(quoted($0)): " } ?? "")expected \(expected), found \(found)"
    case .pickle(let path, let byte, let expected, let found):
      "\(path): pickle, byte \(byte): expected \(expected), found \(found)"
    case .noStateDictionary(let path, let expected, let found):
      "\(path): expected \(expected), found \(found)"
    case .noWeights(let path):
      "\(path): expected \(WeightsFile.folderNames.joined(separator: ", ")), found none of them"
    }
  }

  /// A suggested next step, where there is one.
  package var hint: String? {
    switch self {
    case .file(let error):
      error.hint
    case .fileSize(_, let expected, let found) where found < expected:
      "the file is incomplete; copy or download it again"
    case .archive(_, nil, _, _):
      "if the file is incomplete, copy or download it again"
    case .archive, .pickle, .noStateDictionary:
      "save the weights alone with a current PyTorch: torch.save(model.state_dict(), 'model.pt')"
    default:
      nil
    }
  }
}

/// Prepares a name from a file for display on one line: quoted, control characters escaped, at most 80 scalars.
package func quoted(_ name: String) -> String {
  let limit = 80
  var text = "'"
  for scalar in name.unicodeScalars.prefix(limit) {
    let isControl = [.control, .format, .lineSeparator, .paragraphSeparator].contains(scalar.properties.generalCategory)
    text += isControl ? "\\u{\(String(scalar.value, radix: 16))}" : String(scalar)
  }
  return text + (name.unicodeScalars.dropFirst(limit).isEmpty ? "'" : "…'")
}
