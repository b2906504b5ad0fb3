import Corpora
import Files
import Inference
import Modeling
import Tensors
import TestSupport
import Training

/// A run on a short text that repeats itself, in a folder of its own.
struct TinyRun {
  private let folder: TemporaryFolder
  let file: TokenFile
  var configuration = TrainingConfiguration()
  var boundary = DocumentBoundary.reset

  /// - Parameter ids: The text; by default a loop of five tokens.
  /// - Throws: When the folder or the file cannot be written.
  init(_ ids: [Int32] = (0..<400).map { [3, 4, 5, 6, 7][$0 % 5] }) throws { try self.init(documents: [ids]) }

  /// - Parameters:
  ///   - documents: Of the text; each gets an EOS (2).
  ///   - unscoredCount: Ids at the start of each document that are not scored.
  /// - Throws: When the folder or the file cannot be written.
  init(documents: [[Int32]], unscoredCount: Int = 0) throws {
    folder = try TemporaryFolder()
    let path = folder.path + "/train.tokens"
    let header = TokenFileHeader(
      vocabularySize: 11, eosID: 2, tokenizerDigest: SHA256Digest(of: []), hasMask: unscoredCount > 0)
    var writer = try TokenFileWriter(replacing: path, header: header)
    for ids in documents {
      try writer.append(Array(ids.prefix(unscoredCount)), isScored: unscoredCount == 0)
      try writer.append(Array(ids.dropFirst(unscoredCount)))
      try writer.endDocument(byteCount: ids.count)
    }
    try writer.commit()
    file = try TokenFile(path: path)
    configuration.steps = 40
    configuration.sequenceLength = 20
    configuration.batchTokens = 80
    configuration.chunkLength = 8
    configuration.learningRate = 1e-2
    configuration.warmupSteps = 4
  }

  /// Wide enough that work is cut into tasks.
  ///
  /// - Parameter change: What differs from the usual.
  /// - Returns: The resolved configuration.
  static func model(_ change: (inout ModelConfiguration) -> Void = { _ in }) -> ModelConfiguration {
    var model = ModelConfiguration()
    model.width = 32
    model.layers = 2
    model.heads = 2
    model.feedForwardWidth = 48
    model.vocabularySize = 11
    model.bosID = 1
    change(&model)
    return model.resolved
  }

  func batches() throws -> Batches { try batches(of: file) }

  private func batches(of file: TokenFile) throws -> Batches {
    try Batches(
      file, batchSize: configuration.batchSize, sequenceLength: configuration.sequenceLength, bos: .sequence(bosID: 1),
      boundary: boundary, areStreams: configuration.carriesState, seed: UInt64(configuration.seed))
  }

  /// The positions in the run's file of the targets of a batch.
  func positions(at index: Int) throws -> [Int] {
    let header = TokenFileHeader(vocabularySize: file.count, eosID: nil, tokenizerDigest: SHA256Digest(of: []))
    let path = folder.path + "/positions.tokens"
    var writer = try TokenFileWriter(replacing: path, header: header)
    try writer.append((0..<Int32(file.count)).map { $0 })
    try writer.endDocument(byteCount: file.count)
    try writer.commit()
    var targets = [Int32](repeating: 0, count: configuration.batchTokens)
    var (inputs, documents) = (targets, targets)
    var inputSpan = inputs.mutableSpan
    var targetSpan = targets.mutableSpan
    var documentSpan = documents.mutableSpan
    try batches(of: TokenFile(path: path)).copyBatch(
      at: index, inputs: &inputSpan, targets: &targetSpan, documentStarts: &documentSpan)
    return targets.map { Int($0) }
  }

  /// A model of `model()` for the Float64 reference, with the numbers that Float32 holds.
  static func reference(of network: LanguageModel) -> ReferenceRetNet {
    var parameters: [String: ReferenceTensor] = [:]
    for description in network.parameters.descriptions {
      let values = network.parameters.tensor(description).values
      parameters[description.name] = ReferenceTensor(description.shape.extents, floats: values)
    }
    return ReferenceRetNet(
      ReferenceConfiguration(
        vocabularySize: 11, width: 32, layerCount: 2, headCount: 2, keyWidth: 16, valueWidth: 32, feedForwardWidth: 48,
        epsilon: network.configuration.normEpsilon, logDecay: [-0.0317486983145803, -0.015748356968139168],
        isTied: false),
      parameters: parameters)
  }

  /// A loop at step 0, or where it is said to stand.
  func loop(
    threadCount: Int = 1, isValidated: Bool = false, progress: TrainingProgress = TrainingProgress(),
    model: ModelConfiguration = model()
  ) throws -> TrainingLoop {
    let pool = WorkerPool(threadCount: threadCount)
    let trainer = Trainer(model, configuration, on: pool)
    return TrainingLoop(
      trainer, progress: progress, batches: try batches(), validation: isValidated ? file : nil,
      scoredBytes: ScoredBytes { _ in 1 }, on: pool)
  }

  /// What the whole run told.
  func events(threadCount: Int = 1, isValidated: Bool = false) throws -> [TrainingEvent] {
    var loop = try loop(threadCount: threadCount, isValidated: isValidated)
    var events: [TrainingEvent] = []
    try loop.run { events.append($0) }
    return events
  }
}

extension [TrainingEvent] {
  var losses: [Double] {
    compactMap { event in
      if case .step(let report) = event { report.loss } else { nil }
    }
  }

  /// Steps as `7`, skipped ones as `7s`, evaluations as `e7`, the best so far as `e7*`, checkpoints as `c7`, rewinds as
  /// `r7>4`.
  var words: [String] {
    map { event in
      switch event {
      case .step(let report): "\(report.step)" + (report.skipped == nil ? "" : "s")
      case .evaluation(let progress, _, _, let isBest): "e\(progress.step)" + (isBest ? "*" : "")
      case .checkpoint(let progress): "c\(progress.step)"
      case .rewind(let step, let progress): "r\(step)>\(progress.step)"
      }
    }
  }
}
