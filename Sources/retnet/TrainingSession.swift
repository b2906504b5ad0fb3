internal import Corpora
internal import Files
internal import Inference
internal import Modeling
internal import Tensors
internal import Tokenization
internal import Training

/// A training run with its folder: progress for people, metrics and models for the disk.
struct TrainingSession {
  private let plan: TrainingPlan
  private let folder: RunFolder
  private let options: GlobalOptions
  private let trainer: Trainer
  private var loop: TrainingLoop
  private let metrics: AppendFile
  private var progress: ProgressLine
  private let start = ContinuousClock.now
  private var averageLoss = 0.0
  private var bestScore: Score?

  init(_ plan: TrainingPlan, folder: RunFolder, options: GlobalOptions, on pool: WorkerPool) throws {
    self.plan = plan
    self.folder = folder
    self.options = options
    trainer = Trainer(plan.model, plan.training, on: pool)
    loop = TrainingLoop(trainer, batches: plan.batches, validation: plan.validationFile, on: pool)
    metrics = try AppendFile(path: folder.file("metrics.jsonl"))
    progress = ProgressLine("train", unit: "steps", total: plan.training.steps, style: options.progressStyle)
  }

  /// Trains to the end.
  ///
  /// - Returns: The result in one line.
  mutating func run() throws -> String {
    var loop = loop
    try loop.run { event in
      switch event {
      case .step(let report): try take(report)
      case .evaluation(let step, let score, let isBest): try take(score, after: step, isBest: isBest)
      }
    }
    progress.finish(done: trainer.step, detail: detail)
    try save("last.safetensors")
    guard let bestScore else { return folder.file("last.safetensors") }
    return
      "\(folder.file("best.safetensors"))  \(bestScore.bitsPerByte.fixed(4)) bits per byte on \(plan.data.validation)"
  }

  private var detail: String {
    "loss \(averageLoss.fixed(3))" + (bestScore.map { ", validation \($0.bitsPerByte.fixed(3)) bits/byte" } ?? "")
  }

  private mutating func take(_ report: StepReport) throws {
    // A mean over about the last twenty steps, for the eye; metrics.jsonl has the losses themselves.
    averageLoss += (report.loss - averageLoss) / Double(min(report.step, 20))
    progress.update(done: report.step, detail: detail)
    guard report.step % plan.training.logEvery == 0 || report.step == 1 else { return }
    try metrics.write(
      line: JSONReport([
        "step": .integer(report.step), "loss": .number(report.loss), "gradient_norm": .number(report.gradientNorm),
        "learning_rate": .number(report.learningRate), "tokens": .integer(report.step * plan.training.batchTokens),
        "seconds": .number((ContinuousClock.now - start).inSeconds),
      ]).line)
  }

  private mutating func take(_ score: Score, after step: Int, isBest: Bool) throws {
    try metrics.write(
      line: JSONReport([
        "step": .integer(step), "validation_loss": .number(score.loss), "bits_per_byte": .number(score.bitsPerByte),
        "perplexity": .number(score.perplexity), "seconds": .number((ContinuousClock.now - start).inSeconds),
      ]).line)
    if isBest {
      bestScore = score
      try save("best.safetensors")
    }
  }

  private func save(_ name: String) throws {
    let provenance = Provenance(
      seed: UInt64(plan.training.seed), steps: trainer.step, tokensSeen: trainer.step * plan.training.batchTokens,
      dataDigest: plan.trainFile.dataDigest.description, toolVersion: "retnet \(Version.number)")
    try trainer.network.write(to: folder.file(name), provenance: provenance, tokenizer: plan.tokenizer.model)
  }
}
