internal import Configurations
internal import Corpora
internal import Files
internal import Modeling
internal import Tokenization
internal import Training

/// A checkpoint from which a run is resumed.
struct TrainingCheckpoint {
  let model: ModelHeader
  let file: TrainingStateFile
  /// Whether the user chose this checkpoint; otherwise it is the newest.
  let isNamed: Bool

  var state: TrainingState { file.state }

  /// Throws if the checkpoint belongs to another run. docs/TRAINING.md lists what may change when a run is resumed.
  ///
  /// - Throws: `CommandError` that names the first key or file that must not change.
  func check(against plan: TrainingPlan) throws {
    func refuse(_ status: ExitStatus, _ key: String, _ message: String) -> CommandError {
      CommandError(
        status, "\(model.path): \(key): \(message)",
        hint: "docs/TRAINING.md lists what may change when a run is resumed; train in another folder to change more")
    }
    for (old, new) in zip(model.configuration.settings, plan.model.settings) where old.value != new.value {
      throw refuse(
        .badConfiguration, "model.\(old.name)",
        "expected \(old.value.yaml), the value that the run started with, found \(new.value.yaml)")
    }
    let step = state.progress.step
    if let (key, message) = plan.training.objection(toContinuing: state.configuration, at: step) {
      throw refuse(.badConfiguration, "training.\(key)", message)
    }
    // Older runs, without these keys, did not separate documents and read one file.
    for (key, name, earlier) in [
      ("documents", "documents", DocumentBoundary.continuous.rawValue), ("weights", "train", ""),
    ] {
      let (before, now) = (state.data[key] ?? earlier, plan.dataSettings[key] ?? "")
      if before != now {
        throw refuse(
          .badConfiguration, "data.\(name)",
          "expected \(before.isEmpty ? "no weights" : before), as when the run started, found "
            + (now.isEmpty ? "no weights" : now))
      }
    }
    for (key, digest) in plan.dataDigests.sorted(by: { $0.key < $1.key }) where digest != state.data[key] {
      throw refuse(
        .badData, "data.\(key)", "expected the digest \(state.data[key] ?? "of no file"), found \(digest)")
    }
  }

  /// Messages about differences of machine or rounding between now and the checkpoint.
  func differences(from machine: [String: String], _ training: TrainingConfiguration) -> [String] {
    let facts = machine.sorted { $0.key < $1.key }.map { ($0.key, state.machine[$0.key] ?? "unknown", $0.value) }
    let settings = training.roundingChanges(from: state.configuration).map { ("training.\($0.key)", $0.before, $0.now) }
    return (facts + settings).compactMap { key, before, now in
      guard before != now else { return nil }
      let change = "\(key) was \(before), is \(now)"
      // How products and sums are split depends only on their shapes (docs/ARCHITECTURE.md, "Bit-identical results").
      return key == "threads"
        ? "note: \(change): the results stay bit-identical"
        : "warning: \(change): from here on, results are not bit-identical to the earlier run"
    }
  }
}

extension TrainingPlan {
  /// How the files are read: the treatment of document ends, and the weights of several files.
  var dataSettings: [String: String] {
    [
      "documents": data.documents.rawValue,
      "weights": data.train.entries.compactMap { $0.weight.map { "\($0)" } }.joined(separator: ","),
    ]
  }

  /// The digests of the data files, by key of the block `data`; none for a missing file.
  var dataDigests: [String: String] {
    [
      "train": trainFiles.map(\.file.dataDigest.description).joined(separator: ","),
      "validation": validationFile?.dataDigest.description ?? "",
      "tokenizer": SHA256Digest(of: tokenizer.model).description,
    ]
  }
}
