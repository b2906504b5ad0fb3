internal import ArgumentParser
internal import Files
internal import Modeling
internal import Tensors
internal import Training

/// `retnet bench train` measures the speed of training steps and where their time goes.
struct BenchTrain: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Measure training steps on random tokens.",
    discussion: """
      Examples:
        retnet bench train -t 1,2
        retnet bench train -r 20 --output-format json > base.json
        retnet bench train --compare base.json --max-slowdown 5%

      Without --preset, -m or --config it measures the reference model: width 512, value width 1024, 8 layers, 4 heads, \
      gated feed-forward 1024, vocabulary 8192, tied head, batches of 8 sequences of 512 tokens.
      """)

  @OptionGroup var source: BenchModelOptions

  @Option(
    help: ArgumentHelp(
      "Number format of the matrix products (default: auto, or the file's).", valueName: "auto|f32|bf16"))
  var precision: TrainingPrecision?

  @Option(
    name: .shortWithValue("b"),
    help: ArgumentHelp("Sequences in a batch (default: 8, or the file's).", valueName: "n"))
  var batch: Int?

  @Option(help: ArgumentHelp("Tokens in a sequence (default: 512, or the file's).", valueName: "n"))
  var sequenceLength: Int?

  @OptionGroup var options: BenchOptions
  @OptionGroup var talk: VerbosityOptions

  func validate() throws {
    try CommandFiles().reading("--model", source.model).reading("--config", source.config)
      .reading("--compare", options.compare).check()
    for (flag, number) in [("--batch", batch), ("--sequence-length", sequenceLength)] {
      if let number, !(1...Self.largestBatch).contains(number) {
        throw ValidationError("\(flag): expected 1 to \(Self.largestBatch), found \(number)")
      }
    }
  }

  func run() throws {
    let base = try options.openBase()
    let subject = try BenchModel(source, talk)
    let training = try batched(subject.training)
    let runs = try options.threadCounts.map { threads in
      TrainingBenchmark(
        model: subject.model, training: training, threads: threads, repetitions: options.repetitions)
    }
    let keys = runs.map { key(subject.name, $0) }
    for run in runs { try run.forecast.check(subject.name) }
    for key in keys { _ = try base?.tokensPerSecond(of: key) }
    Machine.warnOfSlowBLAS(talk)

    var progress = ProgressLine(
      "bench", unit: "steps", total: runs.reduce(0) { $0 + $1.stepCount }, style: talk.progressStyle)
    var (done, rows) = (0, [BenchRow]())
    for (run, key) in zip(runs, keys) {
      let measured = run.measure {
        done += 1
        progress.update(done: done)
      }
      rows.append(BenchRow(key: key, results: measured.fields(run)))
    }
    progress.leaveLine()
    try StandardStream.output.write(BenchReport(rows: rows).text(options.outputFormat))
    try base?.check(rows, talk)
  }

  /// The maximum number of tokens in a step: the limit of `training.batch_tokens`.
  private static let largestBatch = 1 << 30

  /// The configuration with the batch size of the command line.
  private func batched(_ training: TrainingConfiguration) throws -> TrainingConfiguration {
    var training = training
    let (rows, time) = (batch ?? training.batchSize, sequenceLength ?? training.sequenceLength)
    let tokens = rows.multipliedReportingOverflow(by: time)
    guard !tokens.overflow, tokens.partialValue <= Self.largestBatch else {
      throw CommandError(
        .usage, "--batch: expected at most \(Self.largestBatch) tokens in a batch, found \(rows) × \(time)")
    }
    (training.sequenceLength, training.batchTokens) = (time, tokens.partialValue)
    training.precision = precision ?? training.precision
    return training.resolved
  }

  private func key(_ name: String, _ run: TrainingBenchmark) -> [BenchField] {
    [
      BenchField("test", .text("train")),
      BenchField("model", .text(name)),
      BenchField("parameters", .integer(run.parameterCount), shown: grouped(run.parameterCount)),
      BenchField("form", .text("chunkwise")),
      BenchField("chunk_length", .integer(run.training.chunkLength), heading: "chunk"),
      BenchField("precision", .text(run.training.precision.rawValue)),
      BenchField("recompute", .text(run.training.recompute.rawValue)),
      BenchField("threads", .integer(run.threads)),
      BenchField("batch", .integer(run.training.batchSize)),
      BenchField("sequence_length", .integer(run.training.sequenceLength), heading: "length"),
      BenchField("micro_batch_tokens", .integer(run.training.microBatchTokens), heading: "micro-batch"),
    ]
  }
}
