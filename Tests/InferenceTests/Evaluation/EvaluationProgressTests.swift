import Foundation
import Inference
import Modeling
import Tensors
import TestSupport
import Testing

@Suite struct EvaluationProgressTests {
  private static let model = TinyModel()

  private func meter() -> PerplexityMeter {
    PerplexityMeter(
      Self.model.network, form: .chunkwise(chunkLength: 64), scoredBytes: ScoredBytes { _ in 3 },
      on: WorkerPool(threadCount: 2))
  }

  private func progress(_ meter: PerplexityMeter, subject: String = "this") -> EvaluationProgress {
    meter.progress(subject: subject, seconds: 1.5, tokens: 700, checksum: 7, documents: (2, 1))
  }

  /// Stopped anywhere, saved and read, an evaluation ends with the same bits.
  @Test(arguments: [0, 1, 511, 512, 600])
  func theBitsAreThoseWithoutAStop(_ place: Int) throws {
    let tokens = Self.model.tokens(1300)
    var (whole, first) = (meter(), meter())
    whole.startDocument(bos: 1)
    first.startDocument(bos: 1)
    whole.append(tokens[..<place])
    first.append(tokens[..<place])
    let folder = try TemporaryFolder()
    let path = folder.path + "/progress"
    try progress(first).write(to: path)
    let read = try EvaluationProgress(path: path, Self.model.network.configuration, subject: "this")
    #expect(read.record == progress(first).record)
    var second = meter()
    second.resume(read)
    whole.append(tokens[place...])
    second.append(tokens[place...])
    whole.count(bytes: 3900, words: 1300)
    second.count(bytes: 3900, words: 1300)
    whole.finishSegment()
    second.finishSegment()
    #expect(second.score == whole.score)
  }

  @Test func otherFilesAreRefused() throws {
    var meter = meter()
    meter.startDocument(bos: 1)
    meter.append(Self.model.tokens(20))
    let configuration = Self.model.network.configuration
    let folder = try TemporaryFolder()
    let path = folder.path + "/progress"
    try progress(meter).write(to: path)
    let found = #expect(throws: EvaluationProgressError.self) {
      _ = try EvaluationProgress(path: path, configuration, subject: "that")
    }
    #expect("\(try #require(found))" == "\(path): expected the progress of that, found that of this")
    // Of a model with other layers.
    #expect(throws: EvaluationProgressError.damaged(path: path)) {
      _ = try EvaluationProgress(path: path, TinyModel(layers: 3).network.configuration, subject: "this")
    }
    var damaged = progress(meter)
    damaged.record.inputs[0] = 23
    try damaged.write(to: path)
    #expect(throws: EvaluationProgressError.damaged(path: path)) {
      _ = try EvaluationProgress(path: path, configuration, subject: "this")
    }
    damaged = progress(meter)
    damaged.record.score.documents = [1]
    try damaged.write(to: path)
    #expect(throws: EvaluationProgressError.damaged(path: path)) {
      _ = try EvaluationProgress(path: path, configuration, subject: "this")
    }
  }

  /// Every byte counts: of the numbers as text, of the state, and of the digest itself.
  @Test func aChangedByteIsFound() throws {
    var meter = meter()
    meter.startDocument(bos: 1)
    meter.append(Self.model.tokens(600))
    let folder = try TemporaryFolder()
    let path = folder.path + "/progress"
    try progress(meter).write(to: path)
    let whole = try Data(contentsOf: URL(fileURLWithPath: path))
    func refusal(_ change: (inout Data) throws -> Void) throws -> EvaluationProgressError? {
      var bytes = whole
      try change(&bytes)
      try bytes.write(to: URL(fileURLWithPath: path))
      return #expect(throws: EvaluationProgressError.self) {
        _ = try EvaluationProgress(path: path, Self.model.network.configuration, subject: "this")
      }
    }
    // The place stays a possible one.
    let count = try #require(whole.range(of: Data(#""tokens\":700"#.utf8)))
    let number = try refusal { $0[count.upperBound - 1] = UInt8(ascii: "1") }
    #expect("\(try #require(number))".hasPrefix("\(path): expected content with the digest "))
    #expect("\(try #require(number))".hasSuffix(": the file is damaged"))
    let last = try refusal { $0[$0.count - 1] ^= 1 }
    #expect("\(try #require(last))".hasSuffix(": the file is damaged"))
    let key = try #require(whole.range(of: Data(#""retnet.digest":""#.utf8)))
    let digest = try refusal { $0[key.upperBound] = $0[key.upperBound] == UInt8(ascii: "0") ? 0x31 : 0x30 }
    #expect("\(try #require(digest))".hasSuffix(": the file is damaged"))
    #expect(try refusal { $0[key.lowerBound + 1] = UInt8(ascii: "R") } == .damaged(path: path))
  }
}
