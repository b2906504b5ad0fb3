package import Corpora
package import Inference
internal import Modeling
package import Tensors

/// What a run reports to its caller.
package enum TrainingEvent: Sendable {
  /// A step was taken or skipped.
  case step(StepReport)
  /// The validation file was scored after a step. `averaged`: the score of the averaged weights, with `ema_decay`;
  /// `isBest`: the score of the weights themselves is lower than all earlier ones.
  case evaluation(TrainingProgress, score: Score, averaged: Score?, isBest: Bool)
  /// A checkpoint is due.
  case checkpoint(TrainingProgress)
  /// After too many skipped steps, the run returned to an earlier checkpoint with a lower learning rate.
  case rewind(from: Int, to: TrainingProgress)
}

/// Why a run ended.
package enum TrainingEnd: Sendable {
  /// All steps are done.
  case complete
  /// `patience` evaluations in a row gave no better score.
  case outOfPatience
  /// The caller asked for it, or its limit of steps was reached; the run can be resumed from here.
  case stopped
}

/// The training loop, which takes a run from any step to its last.
///
/// Every step depends only on weights, moments, carried states and `progress`. So a run that is saved between two steps
/// and resumed by another process is bit-identical to an uninterrupted one.
package struct TrainingLoop {
  package let trainer: Trainer
  package private(set) var progress: TrainingProgress
  private let batches: Batches
  private let validation: TokenFile?
  private let scoredBytes: ScoredBytes
  private let startsFromCheckpoint: Bool
  private let pool: WorkerPool
  private var configuration: TrainingConfiguration { trainer.configuration }

  /// - Parameters:
  ///   - trainer: Has the weights and moments that belong to the progress.
  ///   - progress: The progress of the run so far.
  ///   - batches: Batches with the trainer's batch size and sequence length.
  ///   - validation: The file to score during the run and at its end; nil: none.
  ///   - scoredBytes: Counts the bytes of that file that the scored tokens encode.
  ///   - startsFromCheckpoint: Whether step 0 has a checkpoint, because its weights do not come from the seed.
  ///   - pool: Where the work runs.
  package init(
    _ trainer: Trainer, progress: TrainingProgress = TrainingProgress(), batches: Batches, validation: TokenFile?,
    scoredBytes: ScoredBytes, startsFromCheckpoint: Bool = false, on pool: WorkerPool
  ) {
    self.trainer = trainer
    self.progress = progress
    self.batches = batches
    self.validation = validation
    self.scoredBytes = scoredBytes
    self.startsFromCheckpoint = startsFromCheckpoint
    self.pool = pool
  }

  /// Takes the remaining steps.
  ///
  /// - Parameters:
  ///   - limit: A step to stop after, or nil.
  ///   - shouldStop: Called before each micro-batch and during evaluations; an unfinished step or evaluation is
  ///     dropped.
  ///   - restore: Loads the checkpoint of a step into the trainer and returns its progress; called for step 0 only if
  ///     the loop starts from a checkpoint.
  ///   - report: Receives each event when it happens.
  /// - Returns: Why the run ended.
  /// - Throws: The errors of the closures; `TrainingError`; `CorpusError` for a damaged token file, and `FileError` for
  ///   one that can no longer be read. After the last two the trainer holds the last finished step.
  @discardableResult
  package mutating func run(
    limit: Int? = nil, shouldStop: () -> Bool = { false },
    restore: (Int) throws -> TrainingProgress = { throw TrainingError.noCheckpoint(step: $0) },
    _ report: (TrainingEvent) throws -> Void
  ) throws -> TrainingEnd {
    while true {
      if progress.step >= configuration.steps { try checkIsWhole() }
      if isEvaluationDue, let validation {
        guard let score = try evaluate(validation, shouldStop: shouldStop) else { return .stopped }
        if progress.step >= configuration.steps { try checkIsFinite(score) }
        var averaged: Score?
        if trainer.hasAverage {
          averaged = try trainer.withAveragedWeights { try evaluate(validation, shouldStop: shouldStop) }
          guard averaged != nil else { return .stopped }
        }
        let isBest = progress.record(bitsPerByte: score.bitsPerByte)
        try report(.evaluation(progress, score: score, averaged: averaged, isBest: isBest))
      }
      if isCheckpointDue {
        progress.savedStep = progress.step
        try report(.checkpoint(progress))
      }
      if progress.step >= configuration.steps { return .complete }
      if configuration.patience > 0 && progress.evaluationsSinceBest >= configuration.patience {
        try checkIsWhole()
        return .outOfPatience
      }
      if trainer.replicas.any(shouldStop()) || progress.step >= limit ?? .max { return .stopped }
      guard let step = try makeStep(shouldStop) else { return .stopped }
      try report(.step(step))
      if progress.stepGuard.skippedInARow >= configuration.skipLimit {
        let step = progress.step
        try rewind(restore)
        try report(.rewind(from: step, to: progress))
      }
    }
  }

  /// Scores the validation file with the current weights, for a stop before the first evaluation. The progress does not
  /// change.
  ///
  /// - Parameter shouldStop: Called during the evaluation.
  /// - Returns: The score; nil if there is no file or the caller asked to stop.
  /// - Throws: `TrainingError.notFinite`; `CorpusError` for a damaged token file.
  package func score(shouldStop: () -> Bool) throws -> Score? {
    guard let validation, let score = try evaluate(validation, shouldStop: shouldStop) else { return nil }
    try checkIsFinite(score)
    return score
  }

  /// Throws if the run would end with weights that are most likely broken: with more steps it would have rewound.
  private func checkIsWhole() throws(TrainingError) {
    if progress.stepGuard.isBroken, let place = progress.stepGuard.notFinite { throw .notFinite(place) }
  }

  private func checkIsFinite(_ score: Score) throws(TrainingError) {
    guard !score.loss.isFinite else { return }
    throw .notFinite(NotFinitePlace(step: progress.step, name: "the loss of the validation file"))
  }

  private var isEvaluationDue: Bool {
    guard progress.evaluatedStep < progress.step else { return false }
    let isInterval = configuration.evaluateEvery > 0 && progress.step % configuration.evaluateEvery == 0
    return isInterval || progress.step == configuration.steps
  }

  /// No checkpoint is written while steps are being skipped, because it could become a rewind target.
  private var isCheckpointDue: Bool {
    progress.savedStep < progress.step && progress.step % configuration.checkpointEvery == 0
      && progress.stepGuard.skippedInARow == 0
  }

  /// Takes or skips a step; returns nil, with nothing changed, if the caller asked to stop during it.
  private mutating func makeStep(_ shouldStop: () -> Bool) throws -> StepReport? {
    try trainer.inputs.withMutableSpan { inputs in
      try trainer.targets.withMutableSpan { targets in
        try trainer.documentStarts.withMutableSpan { documentStarts in
          try batches.copyBatch(
            at: progress.batch, rows: trainer.rows, startsEmpty: trainer.startsEmpty, inputs: &inputs,
            targets: &targets,
            documentStarts: &documentStarts)
        }
      }
    }
    let made = trainer.makeStep(
      number: progress.step + 1, rateFactor: progress.learningRateFactor, shouldStop: shouldStop
    ) { progress.stepGuard.judge(loss: $0, gradientNorm: $1, configuration) }
    guard var report = made else { return nil }
    if report.skipped == nil { progress.noteGoodStep() }
    if report.skipped == .notFinite, progress.stepGuard.notFinite == nil {
      report.notFinite = NotFinitePlace(step: report.step, name: trainer.nameNotFinite(loss: report.loss))
      progress.stepGuard.notFinite = report.notFinite
    }
    progress.step += 1
    progress.batch += 1
    return report
  }

  private mutating func rewind(_ restore: (Int) throws -> TrainingProgress) throws {
    guard progress.rewinds < configuration.rewindLimit else {
      throw TrainingError.diverged(
        step: progress.step, skippedInARow: progress.stepGuard.skippedInARow, rewinds: progress.rewinds,
        notFinite: progress.stepGuard.notFinite)
    }
    let good: TrainingProgress
    if progress.goodStep == 0 && !startsFromCheckpoint {
      trainer.restart()
      good = TrainingProgress()
    } else {
      good = try restore(progress.goodStep)
    }
    // The data are not rewound, so the checkpoint's carried states do not precede the next batch.
    trainer.forgetStates()
    progress.rewind(to: good, factor: configuration.rewindFactor)
  }

  /// The number of validation ids between two calls of `shouldStop`. A large model takes about a second for them.
  private static let idsBetweenQuestions = 1_024

  /// The score of a token file, with documents separated as in training; nil if the caller asked to stop.
  ///
  /// It is the exact full-history score, or one of windows of the configuration's length, each of which shares half with
  /// the window before.
  private func evaluate(_ file: TokenFile, shouldStop: () -> Bool) throws -> Score? {
    let model = trainer.network.configuration
    let bos = model.startingBOS
    let window = configuration.evaluationWindow(model)
    var meter = TextMeter(
      trainer.network, form: configuration.retentionForm,
      windows: window > 0 ? EvaluationWindows(rule: .sliding, length: window, stride: max(1, window / 2)) : nil,
      scoredBytes: scoredBytes,
      initial: trainer.initialState?.makeState(model, on: pool), on: pool)
    struct Stopped: Error {}
    do {
      for document in 0..<file.documentCount {
        if document == 0 || batches.boundary == .reset {
          meter.startDocument(bos: bos)
        } else if model.bos == .document, let bos {
          meter.goOn(after: bos)
        }
        // The meter forms its own segments, so where the ids are cut changes no bit.
        try file.forEachPiece(ofDocument: document, length: Self.idsBetweenQuestions) { ids, unscored in
          if shouldStop() { throw Stopped() }
          if file.header.hasMask { meter.append(ids, unscored: unscored) } else { meter.append(ids) }
        }
        guard !file.header.hasMask else { continue }
        meter.count(bytes: try file.documentBytes(document), words: nil)
      }
    } catch is Stopped {
      return nil
    }
    meter.finish()
    return meter.score
  }
}

/// Why a run cannot continue.
package enum TrainingError: Error, Equatable, CustomStringConvertible {
  /// Skipping steps and rewinding did not help.
  case diverged(step: Int, skippedInARow: Int, rewinds: Int, notFinite: NotFinitePlace?)
  /// The run reached its end with numbers that are not finite.
  case notFinite(NotFinitePlace)
  /// There is no checkpoint of the step.
  case noCheckpoint(step: Int)

  /// The message in one line.
  package var description: String {
    switch self {
    case .diverged(let step, let skippedInARow, let rewinds, let notFinite):
      "step \(step): the last \(skippedInARow) steps had to be skipped (loss or gradient not finite, or far above its "
        + "mean), after \(rewinds) rewinds"
        + (notFinite.map { "; the first number that is not finite: \($0.name), at step \($0.step)" } ?? "")
    case .notFinite(let place):
      "step \(place.step): \(place.name): expected finite numbers, found NaN or infinity, and the run ends with it"
    case .noCheckpoint(let step): "step \(step): expected a checkpoint to rewind to, found none"
    }
  }
}
