internal import Tensors

/// The result of a generation benchmark.
struct GenerationMeasurement {
  /// The times of each timed run.
  let runs: [PartTimes]
  /// The machine's limit before each run: GFLOP/s for prompts, GB/s for decoding.
  let limits: [Double]
  /// In bytes; nil if the system does not report it.
  let peakMemory: Int?
  /// Whether the peak belongs to this measurement alone, not to the whole process so far.
  let isMemoryOwn: Bool

  /// The figures of a row.
  func fields(_ run: GenerationBenchmark) -> [BenchField] {
    let tokens = Double(run.count * run.batch)
    let sorted = runs.sorted { $0.total < $1.total }
    let median = sorted[sorted.count / 2]
    let (speed, best) = (tokens / median.total, tokens / sorted[0].total)
    let deviation = runs.map { tokens / $0.total }.standardDeviation
    let parts = [StepPart.products, .retention, .rows]
    let limit = limits.sorted()[limits.count / 2]
    // 2 N per token for the products, without retention's own work. The bytes are those of weights and state.
    let gflops = 2 * Double(run.subject.productCount) * speed * 1e-9
    let tokenBytes = Double(run.stepByteCount) / Double(run.batch)
    let gigabytes = tokenBytes * speed * 1e-9
    let (rate, unit) = run.isPrompt ? (gflops, "GFLOP/s") : (gigabytes, "GB/s")
    let digits = speed < 1000 ? 1 : 0
    return [
      BenchField(
        "tokens_per_second", .number(speed), heading: "tokens/s",
        shown: speed.fixed(digits) + (deviation.map { " ± \($0.fixed(digits))" } ?? "")),
      BenchField("tokens_per_second_sd", deviation.map { .number($0) } ?? .null, heading: nil),
      BenchField("tokens_per_second_best", .number(best), heading: "best", shown: best.fixed(digits)),
      BenchField("gflops", run.isPrompt ? .number(gflops) : .null, heading: nil),
      BenchField("gigabytes_per_second", run.isPrompt ? .null : .number(gigabytes), heading: nil),
      BenchField("limit_gflops", run.isPrompt ? .number(limit) : .null, heading: nil),
      BenchField("limit_gigabytes_per_second", run.isPrompt ? .null : .number(limit), heading: nil),
      .shown(heading: "rate", "\(rate.fixed(1)) \(unit)"),
      .shown(heading: "limit", "\(limit.fixed(1)) \(unit)"),
      BenchField("limit_share", .number(rate / limit), heading: "share", shown: "\((100 * rate / limit).fixed(1)) %"),
      BenchField(
        "parts",
        .object(Dictionary(uniqueKeysWithValues: parts.map { ("\($0)_seconds", .number(median[$0] / tokens)) })),
        heading: nil),
      .shown(
        heading: "products, retention, rows",
        parts.map { (median[$0] / tokens * 1e3).fixed(3) }.joined(separator: " ") + " ms"),
      BenchField("token_bytes", .integer(Int(tokenBytes)), heading: nil),
      BenchField("state_bytes", .integer(run.subject.stateByteCount(at: run.depth)), heading: nil),
      BenchField(
        "peak_memory_bytes", peakMemory.map { .integer($0) } ?? .null, heading: "memory",
        shown: peakMemory.map { "\((Double($0) / 1e6).fixed(0)) MB" } ?? ""),
      BenchField("peak_memory_of", .text(isMemoryOwn ? "row" : "process"), heading: nil),
    ]
  }
}
