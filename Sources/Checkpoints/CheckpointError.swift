package import Files

/// Why a checkpoint cannot be read or written.
package enum CheckpointError: Error, Equatable, CustomStringConvertible {
  /// The file could not be opened, mapped or written, or is of another kind.
  case file(FileError)
  /// The file ends too early, or has bytes that belong to no tensor.
  case fileSize(path: String, expected: Int, found: Int)
  /// The header breaks a rule at a byte of the file.
  case header(path: String, byte: Int, expected: String, found: String)
  /// A tensor contradicts itself or its neighbours.
  case tensor(path: String, name: String, expected: String, found: String)
  /// No tensor has the name.
  case missingTensor(path: String, name: String)
  /// The index of a sharded model breaks a rule at a byte of its text.
  case index(path: String, byte: Int, expected: String, found: String)
  /// A zip archive breaks a rule; the entry is nil where it is about the archive as a whole.
  case archive(path: String, entry: String?, expected: String, found: String)
  /// The pickle of a PyTorch file breaks a rule at a byte of it.
  case pickle(path: String, byte: Int, expected: String, found: String)
  /// The folder holds no weights under a name that is looked for.
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
      "\(path): data.pkl, byte \(byte): expected \(expected), found \(found)"
    case .noWeights(let path):
      "\(path): expected \(WeightsFile.folderNames.joined(separator: ", ")), found none of them"
    }
  }

  /// What to do next, where we know it.
  package var hint: String? {
    switch self {
    case .file(let error):
      error.hint
    case .fileSize(_, let expected, let found) where found < expected:
      "the file is incomplete; copy or download it again"
    case .archive(_, nil, _, _):
      "if the file is incomplete, copy or download it again"
    case .archive, .pickle:
      "save the weights alone with a current PyTorch: torch.save(model.state_dict(), 'model.pt')"
    default:
      nil
    }
  }
}

/// A name from a file, fit for one line of a terminal: quoted, control characters escaped, no longer than 80 scalars.
package func quoted(_ name: String) -> String {
  let limit = 80
  var text = "'"
  for scalar in name.unicodeScalars.prefix(limit) {
    let isControl = [.control, .format, .lineSeparator, .paragraphSeparator].contains(scalar.properties.generalCategory)
    text += isControl ? "\\u{\(String(scalar.value, radix: 16))}" : String(scalar)
  }
  return text + (name.unicodeScalars.dropFirst(limit).isEmpty ? "'" : "…'")
}
