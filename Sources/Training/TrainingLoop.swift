package import Corpora
package import Inference
internal import Modeling
package import Tensors

/// What a run tells on its way.
package enum TrainingEvent: Sendable {
  /// A step was made.
  case step(StepReport)
  /// The validation file was scored after a step; `isBest` when no earlier score was lower.
  case evaluation(step: Int, score: Score, isBest: Bool)
}

/// A training run from the first step to the last.
package struct TrainingLoop {
  package let trainer: Trainer
  private let batches: Batches
  private let validation: TokenFile?
  private let pool: WorkerPool
  private var bestBitsPerByte = Double.infinity

  /// - Parameters:
  ///   - trainer: At step 0.
  ///   - batches: Of the trainer's batch size and sequence length.
  ///   - validation: Scored on the way and at the end, or nil.
  ///   - pool: Where the work runs.
  package init(_ trainer: Trainer, batches: Batches, validation: TokenFile?, on pool: WorkerPool) {
    self.trainer = trainer
    self.batches = batches
    self.validation = validation
    self.pool = pool
  }

  /// Makes every step of the configuration.
  ///
  /// - Parameter report: Gets each event as it happens.
  /// - Throws: What `report` throws, which ends the run, and `CorpusError` for a damaged token file.
  package mutating func run(_ report: (TrainingEvent) throws -> Void) throws {
    let configuration = trainer.configuration
    while trainer.step < configuration.steps {
      try trainer.inputs.withMutableSpan { inputs in
        try trainer.targets.withMutableSpan { targets in
          try batches.copyBatch(at: trainer.step, inputs: &inputs, targets: &targets)
        }
      }
      let step = trainer.makeStep()
      try report(.step(step))
      let isLast = step.step == configuration.steps
      let isDue = configuration.evaluateEvery > 0 && step.step % configuration.evaluateEvery == 0
      if let validation, isLast || isDue {
        let score = try evaluate(validation)
        let isBest = score.bitsPerByte < bestBitsPerByte
        if isBest { bestBitsPerByte = score.bitsPerByte }
        try report(.evaluation(step: step.step, score: score, isBest: isBest))
      }
    }
  }

  /// Exact full-history score of a token file.
  private func evaluate(_ file: TokenFile) throws -> Score {
    let model = trainer.network.configuration
    let bos = model.bos == .none ? nil : model.bosID.map { Int32($0) }
    var meter = PerplexityMeter(
      trainer.network, form: .chunkwise(chunkLength: trainer.configuration.chunkLength), on: pool)
    for document in 0..<file.documentCount {
      meter.startDocument(bos: bos)
      try file.forEachPiece(ofDocument: document) { meter.append($0) }
      meter.count(bytes: file.documentBytes(document))
    }
    meter.finishSegment()
    return meter.score
  }
}
