internal import Checkpoints

/// Foreign weights under the names that their family gives them, without what wrappers have put before and between.
struct UnwrappedWeights {
  let file: WeightsFile
  /// What stands before every name of the family once wrappers are taken out, as `decoder.`; empty in general.
  let prefix: String
  // The file's name of a tensor, by its name without wrappers.
  private let stored: [String: String]

  /// - Parameters:
  ///   - file: Of any container.
  ///   - prefix: As `ForeignFamily.find` finds it.
  /// - Throws: `CheckpointError.tensor` if two names differ in their wrappers alone.
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

  /// The file's name of a tensor; where there is none, what it would be called without wrappers.
  func storedName(_ name: String) -> String { stored[prefix + name] ?? prefix + name }

  /// What the file says about a tensor; nil if there is none of that name.
  func description(of name: String) -> TensorDescription? { stored[prefix + name].flatMap { file.description(of: $0) } }

  /// The names of all tensors that stand behind the prefix, without it.
  var names: [String] {
    stored.keys.compactMap { $0.hasPrefix(prefix) ? String($0.dropFirst(prefix.count)) : nil }
  }

  /// Whether the metadata say that one name stands for another, which is how writers of safetensors note a tie.
  func metadataTie(_ name: String, to other: String) -> Bool {
    file.metadata.contains { Self.unwrapped($0.key) == prefix + name && Self.unwrapped($0.value) == prefix + other }
  }

  /// Parts of names that wrappers add, before a name or between its parts: `torch.compile`, data parallel training, FSDP,
  /// checkpointed activations, DeepSpeed. No family has parts of these names.
  private static let wrappers: Set<Substring> = [
    "_orig_mod", "module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_forward_module",
  ]

  /// A name without the parts that wrappers add.
  static func unwrapped(_ name: String) -> String {
    name.split(separator: ".", omittingEmptySubsequences: false).filter { !wrappers.contains($0) }
      .joined(separator: ".")
  }
}
