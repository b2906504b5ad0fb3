package import Checkpoints
internal import Configurations
package import Retention
package import Tensors

/// Weights of another program, recognised and checked. `loadParameters` reads the numbers.
package struct ForeignModel: Sendable {
  /// A tensor of the file, and the weights that its rows hold, in order; several if it is fused.
  package struct Source: Sendable {
    package let name: String
    package fileprivate(set) var parts: [Part]
    /// Whether the file has it as [in, out]: its columns hold the weights.
    package let isTransposed: Bool

    /// The shape in the file.
    package var shape: [Int] {
      let rows = parts.reduce(0) { $0 + $1.rows.count }
      let shape = [rows] + parts[0].weight.shape.extents.dropFirst()
      return isTransposed ? shape.reversed() : shape
    }
  }

  /// Rows of a weight: all, or those of a head.
  package struct Part: Sendable {
    package let weight: ParameterDescription
    package let rows: Range<Int>
  }

  package let weights: WeightsFile
  package let family: ForeignFamily
  package private(set) var configuration: ModelConfiguration
  package let sources: [Source]
  /// For each id of the model the row of the file; nil: the same. See `reorderVocabulary`.
  private var vocabularyOrder: [Int]?
  private let factors: [String: Double]
  private let fairseq: FairseqVocabulary?
  /// What was assumed, one sentence each.
  package private(set) var remarks: [String]

  /// Recognises weights, and checks the name, type and shape of every tensor and the tables stored with the weights.
  ///
  /// - Parameters:
  ///   - weights: A file of any container.
  ///   - scoreNorm: The score norm; nil: the family's default, with a remark unless that is none.
  ///   - headCount: H, if nothing in the files gives it.
  ///   - configurationPath: The configuration; nil: the one next to the weights, if there is one.
  ///   - tables: Names of embedding and head, for families that leave them to the user's program.
  /// - Throws: `ModelFileError` and `CheckpointError`.
  package init(
    _ weights: WeightsFile, scoreNorm: ScoreNorm? = nil, headCount: Int? = nil, configurationPath: String? = nil,
    tables: TableNames = TableNames()
  ) throws {
    let settings = try ForeignConfiguration(weights, at: configurationPath)
    let (family, prefix) = try ForeignFamily.find(weights, settings)
    let unwrapped = try UnwrappedWeights(weights, prefix: prefix)
    let source = ForeignSource(weights: unwrapped, settings: settings, headCount: headCount, tables: tables)
    var plan = try family.plan(source)
    plan.configuration.scoreNorm = scoreNorm ?? family.defaultScoreNorm
    plan.configuration.bos = plan.configuration.bosID == nil ? .none : .sequence
    if scoreNorm == nil, family.defaultScoreNorm != .none {
      plan.remarks.append(
        "the weights do not tell what scores were divided by: \(plan.configuration.scoreNorm.rawValue) is assumed; --score-norm chooses"
      )
    }
    self.weights = weights
    self.family = family
    configuration = try plan.configuration.checked(path: weights.path)
    remarks = plan.remarks
    factors = plan.factors
    fairseq = plan.fairseq
    sources = Self.sources(configuration, plan, unwrapped)
    try checkNames(plan, unwrapped)
    for source in sources { try check(source) }
    for buffer in plan.buffers { try check(buffer, unwrapped) }
    if sources.contains(where: { weights.description(of: $0.name)?.dataType == .f64 }) {
      remarks.append("numbers in F64 are narrowed to Float32")
    }
  }

  private static func sources(
    _ configuration: ModelConfiguration, _ plan: FamilyPlan, _ unwrapped: UnwrappedWeights
  ) -> [Source] {
    var sources: [Source] = []
    var indices: [String: Int] = [:]
    func add(_ name: String, _ part: Part) {
      if let index = indices[name] { return sources[index].parts.append(part) }
      indices[name] = sources.count
      sources.append(Source(name: name, parts: [part], isTransposed: plan.names.isTransposed(part.weight.name)))
    }
    for weight in Parameters.descriptions(configuration) where !plan.zeros.contains(weight.nameInLayer) {
      let rows = weight.shape[0]
      if let name = plan.names.outside[weight.name] {
        add(name, Part(weight: weight, rows: 0..<rows))
        continue
      }
      let name = plan.names.foreign(weight.name)
      guard name.contains("@") else {
        add(unwrapped.storedName(name), Part(weight: weight, rows: 0..<rows))
        continue
      }
      for head in 0..<configuration.heads {
        let count = rows / configuration.heads
        add(
          unwrapped.storedName(name.replacing("@", with: "\(head)")),
          Part(weight: weight, rows: head * count..<(head + 1) * count))
      }
    }
    return sources
  }

  private func checkNames(_ plan: FamilyPlan, _ unwrapped: UnwrappedWeights) throws(ModelFileError) {
    var known = Set(sources.map(\.name))
    let missing = known.filter { weights.description(of: $0) == nil }
    known.formUnion(plan.buffers.map { unwrapped.storedName($0.name) })
    if configuration.isHeadTied, plan.names.outside["embed.weight"] == nil {
      known.insert(unwrapped.storedName(plan.names.foreign("lm_head.weight")))
    }
    let strangers = weights.tensors.map(\.name).filter { !known.contains($0) }
    guard missing.isEmpty, strangers.isEmpty else {
      throw .foreignTensors(
        path: weights.path, family: family, missing: missing.sorted(), unexpected: strangers.sorted())
    }
  }

  private func check(_ source: Source) throws(CheckpointError) {
    guard let found = weights.description(of: source.name) else {
      throw .missingTensor(path: weights.path, name: source.name)
    }
    guard found.shape == source.shape else {
      throw .tensor(path: weights.path, name: source.name, expected: "\(source.shape)", found: "\(found.shape)")
    }
    _ = try format(of: found)
  }

  private func format(of tensor: TensorDescription) throws(CheckpointError) -> NumberFormat {
    if let format = NumberFormat(tensor.dataType) { return format }
    // Float64 is narrowed to Float32.
    guard tensor.dataType == .f64 else {
      throw .tensor(
        path: weights.path, name: tensor.name, expected: "F64, F32, BF16 or F16", found: tensor.dataType.rawValue)
    }
    return .float32
  }

  /// Checks that a stored table agrees with the configuration, within the precision of its format.
  private func check(_ buffer: ForeignBuffer, _ unwrapped: UnwrappedWeights) throws {
    guard let tensor = unwrapped.description(of: buffer.name) else { return }
    let expected = buffer.content.values(configuration)
    let format = try format(of: tensor)
    guard tensor.shape == [expected.count] else {
      throw CheckpointError.tensor(
        path: weights.path, name: tensor.name, expected: "[\(expected.count)]", found: "\(tensor.shape)")
    }
    let numbers = Tensor(Shape(expected.count))
    try weights.withBytes(of: tensor.name) { numbers.fill(bytes: $0, of: tensor.dataType) }
    let found = numbers.values
    // Float32 tables come from Float32 powers of 10,000. 1 - 2^(-5-h) is rounded before its logarithm is taken.
    let precision =
      switch format {
      case .float32: 1e-5
      case .float16: 0x1p-10
      case .bfloat16: 0x1p-7
      }
    for (index, (found, expected)) in zip(found, expected).enumerated()
    where !(abs(Double(found) - expected) <= precision * abs(expected) + 0x1p-23) {
      throw CheckpointError.tensor(
        path: weights.path, name: tensor.name, expected: "\(expected) at place \(index)", found: "\(found)")
    }
  }

  /// How the file stores each weight; parts of a fused tensor have its format. Float64 becomes Float32.
  package var formats: [String: NumberFormat] {
    var formats = Dictionary(
      uniqueKeysWithValues: Parameters.descriptions(configuration).map { ($0.name, NumberFormat.float32) })
    for source in sources {
      let format = weights.description(of: source.name).flatMap { NumberFormat($0.dataType) } ?? .float32
      for part in source.parts { formats[part.weight.name] = format }
    }
    return formats
  }

  /// How the file stores each matrix.
  package var matrixStorage: MatrixStorage { .each(formats.mapValues { .numbers($0) }) }

  /// The weights of the file, read one at a time as Float32: exactly, or Float64 rounded to nearest.
  package var reader: WeightReader {
    var places: [String: [Place]] = [:]
    for source in sources {
      var row = 0
      for part in source.parts {
        places[part.weight.name, default: []].append(Place(source: source, firstRow: row, rows: part.rows))
        row += part.rows.count
      }
    }
    return WeightReader(configuration) { [weights, vocabularyOrder, factors] weight in
      let tensor = Tensor(weight.shape)
      // A weight without a place is a bias of zeros.
      for place in places[weight.name] ?? [] {
        try place.read(
          into: tensor, weights, order: weight.isVocabularyEntry ? vocabularyOrder : nil)
      }
      if let factor = factors[weight.nameInLayer] {
        for index in 0..<tensor.count { tensor[index] = Float(Double(tensor[index]) * factor) }
      }
      return tensor
    }
  }

  /// Whether ids may be those of a fairseq dictionary, as `reorderVocabulary` expects.
  package var mayHaveFairseqIDs: Bool { fairseq != nil }
  /// Whether ids are those of a fairseq dictionary, by the names of the tensors.
  package var hasFairseqIDs: Bool { fairseq?.isCertain ?? false }

  /// Orders embedding and head as a tokenizer counts, not as a fairseq dictionary does.
  ///
  /// BOS and EOS are then what fairseq uses: sequences start with `</s>`, or with `<s>` if `add_bos_token` is set.
  ///
  /// - Parameter rows: For each id of the model the row of the file.
  /// - Precondition: `mayHaveFairseqIDs`; a permutation of 0..<N with at least four rows.
  package mutating func reorderVocabulary(_ rows: [Int]) {
    var ids = [Int](repeating: -1, count: rows.count)
    for (id, row) in rows.enumerated() { ids[row] = id }
    guard let fairseq, rows.count == configuration.vocabularySize, rows.count > fairseq.end, !ids.contains(-1) else {
      preconditionFailure("reorderVocabulary: \(rows.count) rows for \(configuration.vocabularySize) of \(family.name)")
    }
    vocabularyOrder = rows
    configuration.bosID = ids[configuration.bosID ?? fairseq.start]
    configuration.eosID = ids[configuration.eosID ?? fairseq.end]
    configuration.bos = .sequence
  }

  /// Where rows of a weight are stored.
  private struct Place: Sendable {
    let source: Source
    /// The row of the tensor in the file, or the column if it is transposed.
    let firstRow: Int
    /// The rows of the weight.
    let rows: Range<Int>

    /// - Parameters:
    ///   - tensor: The whole weight, whose rows are filled.
    ///   - weights: The file.
    ///   - order: For each row of the weight the row of the file; nil: the same.
    /// - Throws: `CheckpointError` if the file cannot be read.
    func read(into tensor: Tensor, _ weights: WeightsFile, order: [Int]?) throws {
      guard let stored = weights.description(of: source.name) else {
        preconditionFailure("ForeignModel: no tensor \(source.name)")
      }
      let width = tensor.count / tensor.shape[0]
      let size = stored.dataType.bitCount / 8
      func view(_ first: Int, _ count: Int) -> Tensor {
        tensor.view(tensor.shape.rank == 2 ? Shape(count, width) : Shape(count), at: first * width)
      }
      try weights.withBytes(of: source.name) { bytes in
        if source.isTransposed {
          let columns = stored.shape[1]
          let whole = Tensor(Shape(width, columns))
          whole.fill(bytes: bytes, of: stored.dataType)
          for row in rows {
            let column = firstRow + row - rows.lowerBound
            for index in 0..<width { tensor[row * width + index] = whole[index * columns + column] }
          }
        } else if let order {
          for (index, row) in order.enumerated() {
            view(index, 1).fill(
              bytes: bytes.extracting(row * width * size..<(row + 1) * width * size), of: stored.dataType)
          }
        } else {
          view(rows.lowerBound, rows.count).fill(
            bytes: bytes.extracting(firstRow * width * size..<(firstRow + rows.count) * width * size),
            of: stored.dataType)
        }
      }
    }
  }

  /// Reads all weights as Float32.
  package func loadParameters() throws -> Parameters { try reader.loadParameters() }
}

extension Tensor {
  /// Fills the tensor with numbers of a file; Float64 is rounded to nearest.
  ///
  /// - Precondition: The type is F64, F32, BF16 or F16, and there are as many numbers.
  fileprivate func fill(bytes: RawSpan, of dataType: DataType) {
    if let format = NumberFormat(dataType) { return fill(bytes: bytes, format: format) }
    precondition(dataType == .f64 && bytes.byteCount == 8 * count, "Tensor: \(bytes.byteCount) bytes of \(dataType)")
    withMutableSpan { numbers in
      for index in numbers.indices {
        let bits = unsafe bytes.unsafeLoadUnaligned(fromByteOffset: 8 * index, as: UInt64.self)
        numbers[index] = Float(Double(bitPattern: UInt64(littleEndian: bits)))
      }
    }
  }
}

/// The names of tensors that a user's program adds to the weights of a family without embedding and head.
package struct TableNames: Sendable, Equatable {
  /// The embedding [N, D].
  package var embedding: String?
  /// The head, [N, D] or [D, N]; the embedding's name for a tied head.
  package var head: String?
  /// Whether weights without them are refused; otherwise they are described without a vocabulary.
  package var areRequired: Bool

  package init(embedding: String? = nil, head: String? = nil, areRequired: Bool = true) {
    (self.embedding, self.head, self.areRequired) = (embedding, head, areRequired)
  }
}

extension ParameterDescription {
  fileprivate var nameInLayer: String { FamilyNames.nameInLayer(name) }

  /// Whether each row belongs to a token: the embedding, the head and its bias.
  fileprivate var isVocabularyEntry: Bool { role == .embedding || role == .head }
}

extension ModelConfiguration {
  /// The resolved configuration; throws if a key is out of range or two keys contradict each other.
  fileprivate func checked(path: String) throws(ModelFileError) -> ModelConfiguration {
    let location = ConfigurationLocation(path: path)
    var copy = ModelConfiguration()
    let settings = self.settings.map { ConfigurationSetting(name: $0.name, value: $0.value, location: location) }
    var problems = copy.apply(settings, block: "").map { "\($0.key ?? "model"): \($0.message)" }
    if problems.isEmpty { problems = copy.contradictions.map { "\($0.key): \($0.message)" } }
    if let problem = problems.first { throw .foreignModel(path: path, problem: problem) }
    return copy.resolved
  }
}
