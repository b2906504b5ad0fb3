internal import Modeling
internal import Tensors
internal import Tokenization
internal import Training

/// Times training and decoding with random weights. The vocabulary is that of the text.
struct PaperMeasurement {
  private let model: ModelConfiguration
  private let threads: Int

  /// - Parameters:
  ///   - settings: What sets the network.
  ///   - data: Whose tokenizer gives the vocabulary.
  ///   - threads: The number of threads.
  /// - Throws: The errors of the settings and of the tokenizer.
  init(_ settings: [String], _ data: PaperData, threads: Int) throws {
    var file = ConfigurationFile(bytes: PaperTraining.emptyFile, path: "paper", overrides: settings)
    var model = file.read("model", as: ModelConfiguration.self).resolved
    try file.finish()
    model.vocabularySize = try Tokenizer(path: data.tokenizerPath).vocabularySize
    (self.model, self.threads) = (model, threads)
  }

  /// Tokens of a step: a sequence, or as many of them as fit.
  static func batchTokens(_ length: Int) -> Int { max(length, 4_096) }

  /// Times training steps at a sequence length.
  ///
  /// - Returns: `tokens_per_second` of the median step; `memory_bytes`, the peak above what was resident before.
  func training(length: Int, repetitions: Int) throws -> [String: Double] {
    var training = TrainingConfiguration()
    (training.sequenceLength, training.batchTokens) = (length, Self.batchTokens(length))
    training = training.resolved
    let before = PeakMemory.bytesNow ?? 0
    let benchmark = TrainingBenchmark(model: model, training: training, threads: threads, repetitions: repetitions)
    let measured = benchmark.measure {}
    let times = measured.steps.map(\.total).sorted()
    return [
      "parameters": Double(benchmark.parameterCount),
      "tokens_per_second": Double(training.batchTokens) / times[times.count / 2],
      "memory_bytes": Double((measured.peakMemory ?? 0) - before),
    ]
  }

  /// Times decoding behind a number of tokens, in bf16.
  ///
  /// - Returns: `tokens_per_second` of all sequences; `token_seconds` of one step; `state_bytes` of one sequence.
  func decoding(depth: Int, batch: Int, tokens: Int) -> [String: Double] {
    let pool = WorkerPool(threadCount: threads)
    let format = BenchWeightFormat.numbers(.bf16)
    let network = LanguageModel(model, .random(model, format: format.weightFormat, seed: 0, on: pool))
      .caching(in: .bfloat16)
    let subject = BenchSubject(name: "paper", format: format, network)
    let benchmark = GenerationBenchmark(
      subject: subject, isPrompt: false, count: tokens, batch: batch, depth: depth, readsDepth: false,
      chunkLength: 512, threads: threads, repetitions: 15)
    let times = benchmark.measure {}.runs.map(\.total).sorted()
    let seconds = times[times.count / 2] / Double(tokens)
    return [
      "parameters": Double(subject.parameterCount), "token_seconds": seconds,
      "tokens_per_second": Double(batch) / seconds,
      "state_bytes": Double(subject.stateByteCount(at: depth + tokens)),
      "weight_bytes": Double(network.weights.decodedByteCount),
    ]
  }
}
