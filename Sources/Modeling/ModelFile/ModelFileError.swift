internal import Checkpoints
package import Files

/// An error in a model file beyond its container, or in foreign weights.
package enum ModelFileError: Error, Equatable, CustomStringConvertible {
  /// The format version is later than this program supports.
  case version(path: String, supported: Int, found: String)
  /// A metadata entry has a wrong value or is missing.
  case metadata(path: String, key: String, expected: String, found: String)
  /// The numbers do not match the stored digest.
  case digest(path: String, expected: SHA256Digest, found: SHA256Digest)
  /// The file has a tensor that the model does not have.
  case unexpectedTensor(path: String, name: String)
  /// The model has no tokenizer, but text is needed.
  case noTokenizer(path: String)
  /// No family recognises the weights.
  case unknownWeights(path: String)
  /// The weights are of a model that is not implemented here.
  case unsupported(path: String, found: String)
  /// Tensors of a family's model are missing, or there are unexpected ones.
  case foreignTensors(path: String, family: ForeignFamily, missing: [String], unexpected: [String])
  /// A setting of another program's configuration is wrong; the key is nil if the whole configuration is.
  case foreignSetting(path: String, key: String?, expected: String, found: String)
  /// No model here can have the sizes of the foreign weights.
  case foreignModel(path: String, problem: String)
  /// Neither tensors nor settings give the number of heads.
  case unknownHeads(path: String)
  /// The family has no embedding and head of its own, and they are not found; `candidates` are matrices that fit.
  case missingTables(path: String, embedding: String?, head: String?, candidates: [String])
  /// A family's program cannot compute what the configuration says.
  case notExpressible(family: ForeignFamily, problems: [String])

  package var description: String {
    switch self {
    case .version(let path, let supported, let found):
      "\(path): expected format version \(supported) or older, found \(found)"
    case .metadata(let path, let key, let expected, let found):
      "\(path): metadata '\(key)': expected \(expected), found \(found)"
    case .digest(let path, let expected, let found):
      "\(path): digest: expected \(expected.description.prefix(12))…, found \(found.description.prefix(12))…"
    case .unexpectedTensor(let path, let name): "\(path): tensor \(quoted(name)): expected none of this name"
    case .noTokenizer(let path): "\(path): expected a tokenizer in the model, found none"
    case .unknownWeights(let path):
      "\(path): expected a retnet model or weights of \(ForeignFamily.all.map(\.name).joined(separator: ", ")), "
        + "found neither '\(ModelHeader.configurationKey)' in the metadata nor names that tell a family"
    case .unsupported(let path, let found):
      "\(path): expected a plain RetNet or Llama, found \(found), which is not supported"
    case .foreignTensors(let path, let family, let missing, let unexpected):
      "\(path): expected the tensors of a \(family.name) model, found "
        + [Self.list(missing, "none of these"), Self.list(unexpected, "also these")].compactMap(\.self)
        .joined(separator: "; ")
    case .foreignSetting(let path, let key, let expected, let found):
      "\(path): \(key.map { "key '\($0)': " } ?? "")expected \(expected), found \(found)"
    case .foreignModel(let path, let problem): "\(path): as a model: \(problem)"
    case .unknownHeads(let path):
      "\(path): expected the number of heads in config.json or in the tensors, found neither"
    case .missingTables(let path, let embedding, let head, let candidates):
      "\(path): expected the embedding and the head beside the layers, found "
        + (embedding.map { "the embedding \(quoted($0))" } ?? "no embedding")
        + (head.map { " and the head \(quoted($0))" } ?? " and no head")
        + (Self.list(candidates, "matrices that may be meant").map { "; \($0)" } ?? "")
    case .notExpressible(let family, let problems):
      "\(family.name) cannot express this model: expected \(problems.joined(separator: "; "))"
    }
  }

  /// One next step, if there is one.
  package var hint: String? {
    switch self {
    case .version: "a newer retnet wrote this file; update the program"
    case .digest: "the file was changed or damaged since it was written; take another copy of it"
    case .noTokenizer: "add one with: retnet convert MODEL -o NEW --tokenizer tokenizer.model"
    case .unknownHeads: "give it with --num-heads"
    case .missingTables: "give their names with --embedding-name and --head-name"
    default: nil
    }
  }

  /// Lists at most twelve names, so that a message stays readable.
  private static func list(_ names: [String], _ title: String) -> String? {
    guard !names.isEmpty else { return nil }
    let rest = names.count > 12 ? " and \(names.count - 12) more" : ""
    return "\(title): " + names.prefix(12).map { quoted($0) }.joined(separator: ", ") + rest
  }
}
