internal import ArgumentParser
internal import Files
internal import Inference
internal import Modeling
internal import Tensors

/// `retnet bench generate` measures prompt processing and decoding, relative to the machine's limits.
struct BenchGenerate: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "generate",
    abstract: "Measure prompt processing and decoding.",
    discussion: """
      Examples:
        retnet bench generate --preset retnet-1.3b --quantize q4_0
        retnet bench generate --preset retnet-1.3b --precision bf16 -d 0,8192,65536
        retnet bench generate --preset retnet-1.3b --precision bf16 -p 0 -b 1,16
        retnet bench generate -m runs/kjv-small/best.safetensors -t 1,2

      A preset and a configuration file have random weights. The cost of a token depends neither on the numbers nor on \
      the content of the state. So a state of depth d is made from a short prompt and set to that position, unless \
      --read-depth is given or the model has layers of attention: a cache holds every token.
      """)

  @OptionGroup var source: BenchModelOptions

  @Option(
    help: ArgumentHelp("Format of the matrices (default: the model file's, or bf16).", valueName: "f32|bf16"))
  var precision: BenchPrecision?

  @Option(help: ArgumentHelp("Quantise the matrices.", valueName: "q8_0|q4_0"))
  var quantize: Quantization?

  @Option(
    name: .shortWithValue("p"),
    help: ArgumentHelp("Prompt tokens; 0: do not measure prompts.", valueName: "n"))
  var promptTokens = 512

  @Option(
    name: .shortWithValue("n"),
    help: ArgumentHelp("Tokens to decode; 0: do not measure decoding.", valueName: "n"))
  var newTokens = 128

  @Option(
    name: .shortWithValue("d"),
    help: ArgumentHelp("Tokens before the measurement; several numbers are measured in turn.", valueName: "0,8192"))
  var depth = "0"

  @Option(
    name: .shortWithValue("b"),
    help: ArgumentHelp("Sequences decoded together; several numbers are measured in turn.", valueName: "1,16"))
  var batch = "1"

  @Option(help: ArgumentHelp("Prompt tokens read at a time.", valueName: "c"))
  var chunkLength = 512

  @Option(help: ArgumentHelp("Format of the key/value cache of attention (default: f32).", valueName: "f32|bf16"))
  var kvCache: CacheFormat?

  @Flag(help: "Read as many tokens as the depth says, instead of a short prompt.")
  var readDepth = false

  @OptionGroup var options: BenchOptions
  @OptionGroup var talk: VerbosityOptions

  /// More than any text file has.
  private static let largestCount = 1 << 30

  func validate() throws {
    try CommandFiles().reading("--model", source.model).reading("--config", source.config)
      .reading("--compare", options.compare).check()
    for (flag, number) in [("--prompt-tokens", promptTokens), ("--new-tokens", newTokens)]
    where !(0...Self.largestCount).contains(number) {
      throw ValidationError("\(flag): expected 0 to \(Self.largestCount), found \(number)")
    }
    if promptTokens + newTokens == 0 { throw ValidationError("'--prompt-tokens' and '--new-tokens' are both 0") }
    if !(1...65_536).contains(chunkLength) {
      throw ValidationError("--chunk-length: expected 1 to 65536, found \(chunkLength)")
    }
    if precision != nil && quantize != nil {
      throw ValidationError("'--precision' and '--quantize' cannot be used together")
    }
    _ = (try depths, try batches)
  }

  /// The depths in the order given.
  private var depths: [Int] { get throws { try integers("--depth", depth, in: 0...Self.largestCount) } }

  /// The batch sizes in the order given.
  private var batches: [Int] { get throws { try integers("--batch", batch, in: 1...BatchDecoder.limit) } }

  func run() throws {
    let base = try options.openBase()
    let (threads, depths, batches) = (try options.threadCounts, try depths, try batches)
    var subject = try BenchSubject(source, format: format, threads: threads.max() ?? 1, talk: talk)
    if let kvCache {
      try subject.network.configuration.checkCache()
      subject.network = subject.network.caching(in: kvCache)
    }
    // Prompts are read one after the other.
    let kinds = [(isPrompt: true, count: promptTokens, batches: [1]), (false, newTokens, batches)].filter {
      $0.count > 0
    }
    let runs = threads.flatMap { threads in
      depths.flatMap { depth in
        kinds.flatMap { kind in
          kind.batches.map { batch in
            GenerationBenchmark(
              subject: subject, isPrompt: kind.isPrompt, count: kind.count, batch: batch, depth: depth,
              readsDepth: readDepth, chunkLength: chunkLength, threads: threads, repetitions: options.repetitions)
          }
        }
      }
    }
    for run in runs { _ = try base?.tokensPerSecond(of: run.key) }
    Machine.warnOfSlowBLAS(talk)

    var progress = ProgressLine(
      "bench", unit: "runs", total: runs.count * (options.repetitions + 1), style: talk.progressStyle)
    var (done, rows) = (0, [BenchRow]())
    for run in runs {
      let measured = run.measure {
        done += 1
        progress.update(done: done)
      }
      rows.append(BenchRow(key: run.key, results: measured.fields(run)))
    }
    progress.leaveLine()
    try StandardStream.output.write(BenchReport(rows: rows).text(options.outputFormat))
    try base?.check(rows, talk)
  }

  /// nil: the model's own format.
  private var format: BenchWeightFormat? {
    if let quantize { return .quantized(quantize) }
    return precision.map { .numbers($0) }
  }
}

/// The formats of matrices that are not quantised.
enum BenchPrecision: String, CaseIterable, FormatArgument {
  case f32
  case bf16
}

/// The number format in which a benchmark runs a model.
enum BenchWeightFormat: Equatable {
  case numbers(BenchPrecision)
  case quantized(Quantization)

  var word: String {
    switch self {
    case .numbers(let precision): precision.rawValue
    case .quantized(let quantization): quantization.rawValue
    }
  }

  /// The format of one weight.
  func weightFormat(_ weight: ParameterDescription) -> WeightFormat {
    switch self {
    case .numbers(.f32): .float32
    case .numbers(.bf16): .bfloat16
    case .quantized(let quantization): quantization.storage(of: weight).weightFormat ?? .bfloat16
    }
  }
}
