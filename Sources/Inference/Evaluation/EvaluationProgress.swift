internal import Checkpoints
internal import Configurations
package import Files
internal import FoundationEssentials
package import Modeling

/// Where an evaluation is: the sums and the state of its meter, and how much of the text was read.
///
/// A file of it is a safetensors file with the state's tensors. The rest is JSON under the key `retnet.evaluation`.
/// `retnet.digest` is the SHA-256 digest of the content, by the rule of state files (docs/CHECKPOINT.md, S20).
package struct EvaluationProgress {
  /// The numbers besides the state.
  package struct Record: Codable, Equatable, Sendable {
    /// The version of this format.
    package var version = 1
    /// What the result depends on besides the text: model, options.
    package var subject: String
    /// The seconds that it took so far.
    package var seconds: Double
    package var score: Score.Record
    /// Tokens of the text that the meter has received.
    package var tokens: Int
    /// Their CRC-32.
    package var checksum: UInt32
    /// Documents that were started, and those that have ended.
    package var startedDocuments: Int
    package var endedDocuments: Int
    /// The number of tokens that the state has read.
    package var position: Int
    package var inputs: [Int32]
    package var targets: [Int32]
    package var previous: Int32?
    package var unscored: Int32?
  }

  package var record: Record
  package var state: ModelState

  private static let key = "retnet.evaluation"

  package init(_ record: Record, _ state: ModelState) { (self.record, self.state) = (record, state) }

  /// Writes the file, atomically.
  ///
  /// - Throws: `CheckpointError`.
  package func write(to path: String) throws {
    let parts = state.parts()
    let tensors = parts.map(\.description)
    func emit(_ tensor: TensorDescription, _ body: (RawSpan) throws -> Void) throws {
      for part in parts where part.description == tensor { try part.withBytes(body) }
    }
    var metadata = [Self.key: String(decoding: try JSONEncoder().encode(record), as: UTF8.self)]
    metadata[StateFile.digestKey] = try StateFile.digest(metadata, tensors, emit).description
    try SafetensorsWriter.write(to: path, tensors: tensors, metadata: metadata, bytes: emit)
  }

  /// Reads a file.
  ///
  /// - Parameters:
  ///   - path: The path of the file.
  ///   - configuration: That of the model.
  ///   - subject: What the evaluation is of now.
  /// - Throws: `CheckpointError`; `EvaluationProgressError` for a file of another evaluation, or one that is damaged.
  package init(path: String, _ configuration: ModelConfiguration, subject: String) throws {
    let file = try SafetensorsFile(path: path)
    guard let json = file.metadata[Self.key] else { throw EvaluationProgressError.otherKind(path: path) }
    guard let stored = file.metadata[StateFile.digestKey] else { throw EvaluationProgressError.damaged(path: path) }
    let digest = try StateFile.digest(file.metadata, file.tensors) { try file.withBytes(of: $0.name, $1) }
    guard stored == digest.description else {
      throw EvaluationProgressError.digest(path: path, expected: stored, found: digest)
    }
    guard let record = try? decodedJSON(Record.self, from: json.utf8), record.isPossible(configuration)
    else { throw EvaluationProgressError.damaged(path: path) }
    guard record.subject == subject else {
      throw EvaluationProgressError.otherSubject(path: path, expected: subject, found: record.subject)
    }
    var state = ModelState(configuration, batch: 1)
    for part in state.parts() {
      guard file.description(of: part.description.name) == part.description else {
        throw EvaluationProgressError.damaged(path: path)
      }
      try file.withBytes(of: part.description.name) { part.fill($0) }
    }
    state.position = record.position
    self.init(record, state)
  }
}

extension EvaluationProgress.Record {
  /// Whether an evaluation can have these numbers.
  fileprivate func isPossible(_ configuration: ModelConfiguration) -> Bool {
    let ids = 0..<Int32(clamping: configuration.vocabularySize)
    // A document has one token more if it starts with BOS.
    let most = tokens.addingReportingOverflow(startedDocuments)
    return version == 1 && tokens >= 0 && endedDocuments >= 0 && startedDocuments >= endedDocuments
      && startedDocuments - endedDocuments <= 1 && !most.overflow && position >= 0 && position < 1 << 53
      && position + inputs.count <= most.partialValue && score.tokens >= 0 && score.tokens <= tokens
      && inputs.count == targets.count && seconds >= 0 && seconds.isFinite && inputs.allSatisfy(ids.contains)
      && targets.allSatisfy { $0 == -1 || ids.contains($0) }
      && [previous, unscored].allSatisfy { $0.map(ids.contains) ?? true } && Score(score) != nil
  }
}

/// Why an evaluation cannot be resumed.
package enum EvaluationProgressError: Error, Equatable, CustomStringConvertible {
  /// No file of this kind.
  case otherKind(path: String)
  /// Numbers that no evaluation has, or no digest.
  case damaged(path: String)
  /// The content has another digest than the file says.
  case digest(path: String, expected: String, found: SHA256Digest)
  /// An evaluation of something else.
  case otherSubject(path: String, expected: String, found: String)
  /// The text is not the one that was read.
  case otherText(path: String)

  package var description: String {
    switch self {
    case .otherKind(let path): "\(path): expected the progress of an evaluation, found another file"
    case .damaged(let path): "\(path): expected the progress of an evaluation of this model, found a damaged one"
    case .digest(let path, let expected, let found):
      "\(path): expected content with the digest \(expected), found \(found): the file is damaged"
    case .otherSubject(let path, let expected, let found):
      "\(path): expected the progress of \(expected), found that of \(found)"
    case .otherText(let path): "\(path): expected the progress of this text, found that of another one"
    }
  }
}

extension PerplexityMeter {
  /// What the meter needs to go on, besides the place in the text.
  ///
  /// - Parameters:
  ///   - subject: See `EvaluationProgress.Record`.
  ///   - seconds: The seconds that the evaluation took so far.
  ///   - tokens: Tokens that it has received.
  ///   - checksum: Their CRC-32.
  ///   - documents: Documents that were started, and those that have ended.
  /// - Returns: A copy of the numbers; the state is that of the meter.
  package func progress(
    subject: String, seconds: Double, tokens: Int, checksum: UInt32, documents: (started: Int, ended: Int)
  ) -> EvaluationProgress {
    EvaluationProgress(
      EvaluationProgress.Record(
        subject: subject, seconds: seconds, score: score.record, tokens: tokens, checksum: checksum,
        startedDocuments: documents.started, endedDocuments: documents.ended, position: state.position, inputs: inputs,
        targets: targets, previous: previous, unscored: unscored), state)
  }

  /// Goes on from a progress; the result is bit-identical to an evaluation without a stop.
  package mutating func resume(_ progress: EvaluationProgress) {
    guard let score = Score(progress.record.score) else { return }
    self.score = score
    state.copy(progress.state, on: pool)
    (inputs, targets) = (progress.record.inputs, progress.record.targets)
    (previous, unscored) = (progress.record.previous, progress.record.unscored)
  }
}
