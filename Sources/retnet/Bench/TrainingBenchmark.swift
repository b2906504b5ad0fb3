internal import Glibc
internal import Modeling
internal import Tensors
internal import Training

/// Times training steps on random tokens, and in between the machine's plain products.
struct TrainingBenchmark {
  let model: ModelConfiguration
  let training: TrainingConfiguration
  let threads: Int
  let repetitions: Int

  /// The number of steps before the timed ones: the first touches all memory, the second finds it warm.
  private static let warmUpSteps = 2

  var stepCount: Int { Self.warmUpSteps + repetitions }

  /// N: the number of weights; a tied head counts once.
  var parameterCount: Int { Parameters.descriptions(model).reduce(0) { $0 + $1.shape.count } }

  var forecast: MemoryForecast { MemoryForecast(model, training, isEvaluated: false, threads: threads) }

  /// Runs the steps.
  ///
  /// - Parameter stepDone: Called after each step.
  /// - Returns: The times of the steps.
  func measure(_ stepDone: () -> Void) -> TrainingMeasurement {
    let isMemoryOwn = PeakMemory.reset()
    let forecast = forecast.total
    let clock = StepClock()
    let pool = WorkerPool(threadCount: threads, clock: clock)
    let trainer = Trainer(model, training, on: pool)
    var source = RandomSource(seed: 0)
    func makeStep() {
      pool.charge(.data)
      trainer.drawBatch(from: &source)
      pool.charge(.rows)
      trainer.makeStep()
    }
    for _ in 0..<Self.warmUpSteps {
      makeStep()
      stepDone()
    }
    let peakMemory = PeakMemory.bytes
    let probe = ProductProbe()
    var (steps, limits) = ([PartTimes](), [Double]())
    for _ in 0..<repetitions {
      limits.append(probe.measure(training.precision.products, on: pool).faster)
      // OpenBLAS's own threads have to stop spinning, or they would take the step's cores.
      usleep(100_000)
      _ = clock.takeTimes()
      makeStep()
      steps.append(clock.takeTimes())
      stepDone()
    }
    return TrainingMeasurement(
      steps: steps, limits: limits, peakMemory: peakMemory, isMemoryOwn: isMemoryOwn, forecast: forecast)
  }
}

/// The result of a training benchmark.
struct TrainingMeasurement {
  /// The times of each timed step.
  let steps: [PartTimes]
  /// The speed in GFLOP/s of the machine's fastest product, before each step.
  let limits: [Double]
  /// In bytes; nil if the system does not report it.
  let peakMemory: Int?
  /// Whether the peak belongs to this measurement alone, not to the whole process so far.
  let isMemoryOwn: Bool
  /// The forecast of the peak in bytes.
  let forecast: Double

  /// The figures of a row. The parts are those of the median step, so that they add up to its time.
  func fields(_ run: TrainingBenchmark) -> [BenchField] {
    let tokens = Double(run.training.batchTokens)
    let sorted = steps.sorted { $0.total < $1.total }
    let median = sorted[sorted.count / 2]
    let speed = tokens / median.total
    let deviation = steps.map { tokens / $0.total }.standardDeviation
    // 2 N forward and 4 N backward per token (Kaplan et al. 2020), without retention's own work.
    let gflops = 6 * Double(run.parameterCount) * speed * 1e-9
    let limit = limits.sorted()[limits.count / 2]
    let parts = StepPart.allCases.map { ("\($0)_seconds", JSONValue.number(median[$0])) }
    return [
      BenchField(
        "tokens_per_second", .number(speed), heading: "tokens/s",
        shown: grouped(Int(speed.rounded())) + (deviation.map { " ± \(grouped(Int($0.rounded())))" } ?? "")),
      BenchField("tokens_per_second_sd", deviation.map { .number($0) } ?? .null, heading: nil),
      BenchField(
        "tokens_per_second_best", .number(tokens / sorted[0].total), heading: "best",
        shown: grouped(Int((tokens / sorted[0].total).rounded()))),
      BenchField("gflops", .number(gflops), heading: "GFLOP/s", shown: gflops.fixed(0)),
      BenchField("limit_gflops", .number(limit), heading: "limit", shown: limit.fixed(0)),
      BenchField("limit_share", .number(gflops / limit), heading: "share", shown: percent(gflops / limit)),
      BenchField("step_seconds", .number(median.total), heading: "step", shown: milliseconds(median.total)),
      BenchField("serial_seconds", .number(median.serial), heading: "serial", shown: milliseconds(median.serial)),
      BenchField("span_seconds", median.span.map { .number($0) } ?? .null, heading: nil),
      BenchField("parts", .object(Dictionary(uniqueKeysWithValues: parts)), heading: nil),
    ]
      + StepPart.allCases.map { part in
        .shown(heading: "\(part)", milliseconds(median[part]))
      } + [
        BenchField(
          "peak_memory_bytes", peakMemory.map { .integer($0) } ?? .null, heading: "memory",
          shown: peakMemory.map { "\((Double($0) / 1e6).fixed(0)) MB" } ?? ""),
        BenchField("peak_memory_of", .text(isMemoryOwn ? "row" : "process"), heading: nil),
        BenchField("forecast_memory_bytes", .number(forecast.rounded()), heading: nil),
      ]
  }

  private func milliseconds(_ seconds: Double) -> String { "\((seconds * 1e3).fixed(1)) ms" }

  private func percent(_ part: Double) -> String { "\((100 * part).fixed(1)) %" }
}

extension [Double] {
  /// The standard deviation of a sample; nil for fewer than two numbers.
  var standardDeviation: Double? {
    guard count > 1 else { return nil }
    let mean = reduce(0, +) / Double(count)
    return (reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(count - 1)).squareRoot()
  }
}
