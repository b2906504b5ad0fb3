internal import Checkpoints

/// The tensors of a foreign file under the names of their family, without the parts that wrappers add to names.
struct UnwrappedWeights {
  let file: WeightsFile
  /// The prefix of all names of the family after removing wrappers, e.g. `decoder.`; often empty.
  let prefix: String
  // The file's names, by the names without wrappers.
  private let stored: [String: String]

  /// - Parameters:
  ///   - file: A file of any container.
  ///   - prefix: The prefix that `ForeignFamily.find` returns.
  /// - Throws: `CheckpointError.tensor` if two names differ only in their wrappers.
  init(_ file: WeightsFile, prefix: String) throws(CheckpointError) {
    self.file = file
    self.prefix = prefix
    var stored: [String: String] = [:]
    for tensor in file.tensors {
      guard let other = stored.updateValue(tensor.name, forKey: Self.unwrapped(tensor.name)) else { continue }
      throw .tensor(
        path: file.path, name: tensor.name, expected: "each name once",
        found: "\(quoted(other)), the same without wrappers")
    }
    self.stored = stored
  }

  /// The file's name of a tensor; if there is none, the name it would have without wrappers.
  func storedName(_ name: String) -> String { stored[prefix + name] ?? prefix + name }

  /// The file's description of a tensor; nil if there is none of that name.
  func description(of name: String) -> TensorDescription? { stored[prefix + name].flatMap { file.description(of: $0) } }

  /// The names of all tensors with the prefix, without the prefix.
  var names: [String] {
    stored.keys.compactMap { $0.hasPrefix(prefix) ? String($0.dropFirst(prefix.count)) : nil }
  }

  /// Whether the metadata say that one name stands for another, as writers of safetensors note a tie.
  func metadataTie(_ name: String, to other: String) -> Bool {
    file.metadata.contains { Self.unwrapped($0.key) == prefix + name && Self.unwrapped($0.value) == prefix + other }
  }

  /// Name parts that wrappers add: `torch.compile`, data parallel training, FSDP, checkpointed activations, DeepSpeed.
  ///
  /// They occur at the start of a name or between its parts. No family uses such parts.
  private static let wrappers: Set<Substring> = [
    "_orig_mod", "module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_forward_module",
  ]

  /// A name without the parts that wrappers add.
  static func unwrapped(_ name: String) -> String {
    name.split(separator: ".", omittingEmptySubsequences: false).filter { !wrappers.contains($0) }
      .joined(separator: ".")
  }
}
