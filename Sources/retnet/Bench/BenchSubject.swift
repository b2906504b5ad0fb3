internal import Modeling
internal import Tensors

/// A model whose generation is measured, with its own weights or with random ones.
struct BenchSubject {
  /// The name in the rows: the preset, or the last part of the path.
  let name: String
  /// `f32`, `bf16`, `q8_0` or `q4_0`.
  let format: String
  var network: LanguageModel

  /// A network that is there already, with matrices in one format.
  init(name: String, format: BenchWeightFormat, _ network: LanguageModel) {
    (self.name, self.format, self.network) = (name, format.word, network)
  }

  /// - Parameters:
  ///   - options: Which model.
  ///   - format: The format of its matrices; nil: that of the file, or bf16.
  ///   - threads: The number of threads for drawing and rounding weights.
  ///   - talk: Whether to print messages.
  /// - Throws: The errors of reading the file or the settings.
  init(_ options: BenchModelOptions, format: BenchWeightFormat?, threads: Int, talk: VerbosityOptions) throws {
    let pool = WorkerPool(threadCount: threads)
    if let given = options.model, options.set.isEmpty {
      let path = try modelFile(given, talk, takesWeights: true)
      name = path.split(separator: "/").last.map { String($0) } ?? path
      let source = try ModelSource(path: path)
      if format == nil, case .retnet(let header, _) = source {
        self.format = try header.formatWord
        network = try header.loadNetwork()
        return
      }
      let chosen = format ?? .numbers(.bf16)
      self.format = chosen.word
      network = LanguageModel(
        source.configuration,
        ModelWeights(
          try source.loadParameters(), source.configuration, format: chosen.weightFormat, on: pool))
    } else {
      let subject = try BenchModel(options, talk)
      let chosen = format ?? .numbers(.bf16)
      (name, self.format) = (subject.name, chosen.word)
      network = LanguageModel(subject.model, .random(subject.model, format: chosen.weightFormat, seed: 0, on: pool))
    }
  }

  /// N: the number of weights; a tied head counts once.
  var parameterCount: Int {
    Parameters.descriptions(network.configuration).reduce(0) { $0 + $1.shape.count }
  }

  /// The number of matrix weights that every token is multiplied by: all except an embedding that is not the head.
  var productCount: Int {
    let weights = Parameters.descriptions(network.configuration).filter(\.isMatrix)
    let isTied = network.configuration.isHeadTied
    return weights.reduce(0) { $0 + (isTied || $1.role != .embedding ? $1.shape.count : 0) }
  }

  /// The bytes of one sequence's state behind so many tokens.
  func stateByteCount(at position: Int) -> Int {
    Int(ModelState.byteCount(network.configuration, batch: 1, position: position))
  }

  /// The bytes of states that a decoded token moves: those of fixed size are read and written, a cache is read.
  func movedStateByteCount(at position: Int) -> Int { stateByteCount(at: position) + stateByteCount(at: 0) }
}

extension ModelHeader {
  /// The name of the matrices' format.
  var formatWord: String { get throws { try matrixStorage.word(configuration) } }
}
