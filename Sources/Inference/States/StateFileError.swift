internal import Checkpoints
package import Files

/// Problems of a state file, except those of its container.
package enum StateFileError: Error, Equatable, CustomStringConvertible {
  /// The version is that of a newer program.
  case version(path: String, supported: Int, found: String)
  /// A metadata entry is missing or invalid.
  case metadata(path: String, key: String, expected: String, found: String)
  /// A tensor does not belong in the file.
  case unexpectedTensor(path: String, name: String)
  /// The content does not match the stored digest.
  case digest(path: String, expected: SHA256Digest, found: SHA256Digest)
  /// A tensor holds numbers that no state can have.
  case content(path: String, name: String, expected: String, found: String)
  /// The state belongs to another model or tokenizer.
  case otherOwner(path: String, kind: String, name: String, expected: SHA256Digest, found: SHA256Digest)
  /// The shapes differ from those of another state, or of the model.
  case shapes(path: String, other: String)

  package var description: String {
    switch self {
    case .version(let path, let supported, let found):
      "\(path): expected state version \(supported) or older, found \(found)"
    case .metadata(let path, let key, let expected, let found):
      "\(path): metadata '\(key)': expected \(expected), found \(found)"
    case .unexpectedTensor(let path, let name): "\(path): tensor \(quoted(name)): expected none of this name"
    case .digest(let path, let expected, let found):
      "\(path): digest: expected \(expected.description.prefix(12))…, found \(found.description.prefix(12))…"
    case .content(let path, let name, let expected, let found):
      "\(path): tensor \(quoted(name)): expected \(expected), found \(found)"
    case .otherOwner(let path, let kind, let name, let expected, let found):
      "\(path): expected a state of the \(kind) \(expected.description.prefix(12)) (\(name)), "
        + "found one of \(found.description.prefix(12))"
    case .shapes(let path, let other): "\(path): expected a state of the same model as \(other), found one of another"
    }
  }

  /// One next step, if there is one.
  package var hint: String? {
    switch self {
    case .version: "a newer retnet wrote this file; update the program"
    case .digest: "the file was changed or damaged since it was written; take another copy of it"
    case .otherOwner: "read the text again with this model, or use the model that wrote the state"
    default: nil
    }
  }
}
