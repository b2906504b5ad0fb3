internal import Checkpoints
package import Retention

/// A program whose weights can be converted: how its files are recognised, and how they become a model.
///
/// To add a family, add a value in a file of its own, and list it in `all`.
package struct ForeignFamily: Sendable, Equatable {
  /// The name for `retnet convert --from` and in the provenance of models.
  package let name: String
  /// The score norm of the family's published code; no checkpoint records it.
  package let defaultScoreNorm: ScoreNorm
  /// The prefix of all names of the family, e.g. `decoder.`, often empty; nil if the weights are of another family.
  let prefix: @Sendable (ForeignNames) -> String?
  let plan: @Sendable (ForeignSource) throws -> FamilyPlan
  /// How a model is written for the program; nil if `convert --to` does not write this family.
  var export: (@Sendable (FoldedWeights) throws -> ForeignExport)?

  /// All families, general ones first: the last family that recognises the weights is used.
  package static let all: [ForeignFamily] = [
    .torchscale, .fla, .llama, .syncdoth, .yetAnotherRetNet, .syncdothFirst, .jamieStirling,
  ]

  /// The families that `convert --to` writes.
  package static var targets: [ForeignFamily] { all.filter { $0.export != nil } }

  /// A model as the program of this family stores it; reads no weight.
  ///
  /// - Parameter weights: Read when the export is written.
  /// - Returns: nil if the family is no target.
  /// - Throws: `ModelFileError.notExpressible`, naming every key that the program cannot express.
  package func export(_ weights: WeightReader) throws -> ForeignExport? {
    try export?(FoldedWeights(weights))
  }

  package static func == (a: ForeignFamily, b: ForeignFamily) -> Bool { a.name == b.name }

  /// Finds the family of weights, and the prefix of its names.
  ///
  /// - Parameters:
  ///   - weights: All names are considered, without the parts that wrappers add.
  ///   - settings: The configuration with the weights; it decides if two families use the same names.
  /// - Returns: The family, and the prefix of all its names.
  /// - Throws: `ModelFileError.unsupported` for related models that are not implemented here, `.unknownWeights`.
  static func find(
    _ weights: WeightsFile, _ settings: ForeignConfiguration
  ) throws(ModelFileError) -> (family: ForeignFamily, prefix: String) {
    for tensor in weights.tensors {
      if let (_, found) = relatives.first(where: { tensor.name.contains($0.fragment) }) {
        throw .unsupported(path: weights.path, found: "\(found) (tensor \(quoted(tensor.name)))")
      }
    }
    if let complex = weights.tensors.first(where: { $0.dataType == .c64 }) {
      throw .unsupported(path: weights.path, found: "a complex-valued model (tensor \(quoted(complex.name)))")
    }
    if let features = XATLFeatures(weights.tensors.map(\.name), settings) {
      throw .unsupported(path: weights.path, found: features.description)
    }
    let names = ForeignNames(weights, settings)
    for family in all.reversed() {
      if let prefix = family.prefix(names) { return (family, prefix) }
    }
    throw .unknownWeights(path: weights.path)
  }

  /// Name fragments of models that are not supported: they are no RetNets, or have parts that are not implemented here.
  private static let relatives: [(fragment: String, found: String)] = [
    ("moe_layer", "a mixture of experts"), (".A.", "a multiway model"), (".B.", "a multiway model"),
    ("gt_proj", "the gated retention of YOCO"), ("cross_decoder.", "the cross-attention of YOCO"),
    ("_conv1d.", "short convolutions"), ("attnres", "attention residuals"),
    ("ffn_layernorm", "a norm inside the feed-forward part"),
  ]
}

/// The names of weights without the parts that wrappers add, and the configuration with the weights.
struct ForeignNames {
  private let names: [String]
  private let known: Set<String>
  let settings: ForeignConfiguration

  init(_ weights: WeightsFile, _ settings: ForeignConfiguration) {
    names = weights.tensors.map { UnwrappedWeights.unwrapped($0.name) }
    // A tied head may be named in the metadata only.
    known = Set(names + weights.metadata.keys.map { UnwrappedWeights.unwrapped($0) })
    self.settings = settings
  }

  func contains(_ name: String) -> Bool { known.contains(name) }

  /// The prefix before a name, e.g. `decoder.` or `net.model.`: the attributes under which programs keep the model.
  func prefix(before ending: String) -> String? {
    for name in names where name.hasSuffix(ending) {
      let prefix = String(name.dropLast(ending.count))
      if prefix.isEmpty || prefix.hasSuffix(".") { return prefix }
    }
    return nil
  }

  /// The prefix before `part` and a name; `part` is the family's own first part, although others use it as a prefix.
  func prefix(before part: String, _ ending: String) -> String? {
    prefix(before: ending).flatMap { $0.hasSuffix(part) ? String($0.dropLast(part.count)) : nil }
  }
}
