package import Modeling
package import Retention
package import Tensors

/// Runs a model over tokens as a `FormRun` describes, and records what it computes.
package struct FormRunner {
  private let network: LanguageModel
  private let decay: Decay?
  private let ids: [Int32]
  private let temporaryFolder: String
  private let pool: WorkerPool

  /// The maximum count of Float32 numbers in the states that a call keeps at chunk borders: 256 MiB.
  private static let borderStateLimit = 1 << 26
  private static let logitRows = 64

  /// - Parameters:
  ///   - network: The model.
  ///   - decay: The decay of the heads; nil: that of the model's configuration.
  ///   - ids: The tokens of every run.
  ///   - temporaryFolder: Where states are saved.
  ///   - pool: Where runs without a `threadCount` work.
  package init(
    _ network: LanguageModel, decay: Decay? = nil, ids: [Int32], temporaryFolder: String, on pool: WorkerPool
  ) {
    self.network = network
    self.decay = decay
    self.ids = ids
    self.temporaryFolder = temporaryFolder
    self.pool = pool
  }

  /// Reads all tokens in the given way.
  ///
  /// - Throws: `CheckpointError` if a state cannot be saved or loaded.
  package func record(_ run: FormRun) throws -> RunRecord {
    try record(run) { state, pool in
      switch run.atCuts {
      case .carried: break
      case .saved: state = try state.savedAndLoaded(network.configuration, inFolder: temporaryFolder)
      case .forgotten: state.clear(on: pool)
      }
    }
  }

  /// Reads all tokens, and calls `cut` with the state wherever the sequence is cut.
  package func record(_ run: FormRun, cut: (inout ModelState, WorkerPool) throws -> Void) rethrows -> RunRecord {
    let pool = run.threadCount.map { WorkerPool(threadCount: $0) } ?? pool
    var state = ModelState(network.configuration, batch: 1)
    let record = RunRecord(network.configuration, tokens: ids.count)
    for (index, stretch) in run.stretches(of: ids.count).enumerated() {
      if index > 0 { try cut(&state, pool) }
      let form = run.forms[index % run.forms.count]
      read(stretch, form: form, documents: run.documents, state: &state, into: record, on: pool)
    }
    return record
  }

  private func read(
    _ stretch: Range<Int>, form: RetentionForm, documents: [Int], state: inout ModelState,
    into record: RunRecord, on pool: WorkerPool
  ) {
    let length = min(stretch.count, longestCall(form))
    let memory = InferenceMemory(
      network.configuration, decay: decay, form: form, batch: 1, time: length, workers: pool.threadCount)
    for start in stride(from: stretch.lowerBound, to: stretch.upperBound, by: length) {
      let call = start..<min(start + length, stretch.upperBound)
      let normed = network.forward(
        Indices(Array(ids[call])), batch: 1, form: form, state: &state, documentStarts: starts(documents, in: call),
        memory: memory,
        observe: { layer, retained, headNormed in
          record.append(layer: layer, retained: retained.values, headNormed: headNormed.values)
        }, on: pool)
      appendLogits(normed, to: record, on: pool)
    }
  }

  private func appendLogits(_ normed: Tensor, to record: RunRecord, on pool: WorkerPool) {
    let (rows, width) = (normed.shape[0], normed.shape[1])
    let logits = Tensor(Shape(min(rows, Self.logitRows), network.configuration.vocabularySize))
    for start in stride(from: 0, to: rows, by: Self.logitRows) {
      let block = logits.prefix(min(Self.logitRows, rows - start))
      network.computeLogits(block, normed.view(Shape(block.shape[0], width), at: start * width), on: pool)
      record.append(logits: block.values)
    }
  }

  /// For each token of a call, the row at which its document starts; -1: it started before the call.
  private func starts(_ documents: [Int], in call: Range<Int>) -> Indices? {
    guard !documents.isEmpty else { return nil }
    return Indices(
      call.map { token in
        Int32(max(-1, (documents.last { $0 <= token } ?? 0) - call.lowerBound))
      })
  }

  /// The maximum number of tokens in a call. The chunkwise form keeps a state for each chunk, so a large model with
  /// tiny chunks reads them in several calls. So does a model with xPos.
  private func longestCall(_ form: RetentionForm) -> Int {
    let longest = network.configuration.rotation.longestCall ?? .max
    guard case .chunkwise(let chunkLength) = form else { return longest }
    let shape = network.configuration.retentionShape(batch: 1, time: 1)
    return min(
      longest, chunkLength * max(2, Self.borderStateLimit / (shape.heads * shape.keyWidth * shape.valueWidth)))
  }
}
