/// What is wrong with a model file beyond its container.
package enum ModelFileError: Error, Equatable, CustomStringConvertible {
  /// A safetensors file without a retnet model in it.
  case notAModel(path: String)
  /// A format version of a later program.
  case version(path: String, supported: Int, found: String)
  /// A metadata entry that does not say what it should.
  case metadata(path: String, key: String, expected: String, found: String)
  /// A tensor that the model does not have.
  case unexpectedTensor(path: String, name: String)
  /// A model without a tokenizer, where text is asked for.
  case noTokenizer(path: String)

  package var description: String {
    switch self {
    case .notAModel(let path):
      "\(path): expected a retnet model, found a safetensors file without '\(ModelHeader.configurationKey)' in its metadata"
    case .version(let path, let supported, let found):
      "\(path): expected format version \(supported) or older, found \(found)"
    case .metadata(let path, let key, let expected, let found):
      "\(path): metadata '\(key)': expected \(expected), found \(found)"
    case .unexpectedTensor(let path, let name): "\(path): tensor '\(name)': expected none of this name"
    case .noTokenizer(let path): "\(path): expected a tokenizer in the model, found none"
    }
  }

  /// One next step, where there is one.
  package var hint: String? {
    switch self {
    case .version: "a newer retnet wrote this file; update the program"
    case .noTokenizer: "add one with: retnet convert MODEL -o NEW --tokenizer tokenizer.model"
    default: nil
    }
  }
}
