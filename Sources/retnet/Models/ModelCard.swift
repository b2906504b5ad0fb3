internal import Configurations
internal import Modeling
internal import Tensors

/// The `README.md` of an exported folder: what the model is, where it comes from, and how to load it.
struct ModelCard {
  let source: ModelSource
  let export: ForeignExport
  let folderName: String
  /// The formats of the numbers, such as `f32`.
  let formats: String
  /// What was changed on the way, one sentence each.
  let notes: [String]
  /// The run folder that the model is from, if it was given.
  let run: SavedRun?
  let hasTokenizer: Bool

  func text() throws -> String {
    let c = source.configuration
    let weights = export.weights.descriptions
    let parameters = weights.reduce(0) { $0 + $1.shape.count }
    var lines: [String] = []
    if case .safetensors = export.container {
      lines += [
        "---", "library_name: transformers", "pipeline_tag: text-generation", "tags:",
        c.presentTypes.contains(.retention) ? "- retnet" : "- llama", "---", "",
      ]
    }
    lines += [
      "# \(folderName)", "",
      "A language model with \(Self.kind(c)), \(grouped(parameters)) parameters,",
      "written for \(export.family.name) by retnet \(Version.number).", "",
      "| | |", "|---|---|",
      "| width | \(c.width) |",
      "| layers | \(c.mixerWords) |",
      "| feed-forward width | \(c.feedForwardWidth) |",
      "| vocabulary | \(grouped(c.vocabularySize)) |",
      "| numbers | \(formats) |",
    ]
    lines += try provenance().map { "| \($0) | \($1) |" }
    if !notes.isEmpty {
      lines += ["", "## What was changed", ""]
      lines += notes.map { "- \($0.prefix(1).uppercased() + $0.dropFirst())." }
    }
    lines += [
      "", "## Loading", "", "```python", export.loadingCode.replacing("DIR", with: folderName), "```", "",
    ]
    if !hasTokenizer { lines += ["The model came without a tokenizer: it reads and predicts token ids.", ""] }
    lines += [
      "`retnet convert \(folderName) -o model.safetensors` makes a model file of it again."
    ]
    return lines.joined(separator: "\n") + "\n"
  }

  private static func kind(_ c: ModelConfiguration) -> String {
    let retention = "retention (RetNet, [arXiv 2307.08621](https://arxiv.org/abs/2307.08621))"
    guard c.presentTypes.contains(.retention) else { return "attention (a Transformer)" }
    return c.isRetentionOnly ? retention : "\(retention) and layers of attention"
  }

  private func provenance() throws -> [(String, String)] {
    let provenance = try source.provenance()
    var rows: [(String, String?)] = [
      ("trained steps", provenance.steps.map { grouped($0) }),
      ("tokens seen in training", provenance.tokensSeen.map { grouped($0) }),
      ("seed", provenance.seed.map { "\($0)" }),
      ("digest of the training data", provenance.dataDigest),
      ("trained with", provenance.toolVersion),
      ("digest of the source model", provenance.parent),
      ("weights from", provenance.family),
    ]
    if let run {
      for (name, value) in try run.members() {
        if name == "best_bits_per_byte", case .number(let bits) = value {
          rows.append(("bits per byte of the validation text", bits.fixed(4)))
        }
      }
    }
    return rows.compactMap { name, value in value.map { (name, $0) } }
  }
}
