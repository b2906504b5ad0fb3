import Checkpoints
import EngineTestSupport
import Foundation
import Modeling
import Tensors
import TestSupport
import Testing

/// Weights of Jamie-Stirling/RetNet give its numbers (Tests/Golden/README.md).
///
/// That class maps hidden states to hidden states. Here the hidden states are the rows of an embedding, one for each
/// token, and the head is the identity, with rows of zeros for the other tokens.
@Suite struct JamieStirlingTests {
  private let pool = WorkerPool(threadCount: 2)
  private let folder: TemporaryFolder
  private let expected: GoldenNumbers
  /// B, T, D.
  private let shape: [Int]

  init() throws {
    folder = try TemporaryFolder()
    expected = GoldenNumbers(
      file: try SafetensorsFile(path: GoldenCase.jamieStirling.appendingPathComponent("expected.safetensors").path))
    shape = try expected.shape("input")
    try FileManager.default.copyItem(
      atPath: GoldenCase.jamieStirling.appendingPathComponent("config.json").path, toPath: folder.path + "/config.json")
  }

  /// The class inside a program that adds embedding and head under names of its own.
  private func write(
    embedding: String = "tokens.weight", head: String = "to_logits.weight", isHeadTransposed: Bool = false
  ) throws -> WeightsFile {
    let stored = try WeightsFile(path: GoldenCase.jamieStirling.appendingPathComponent("model.pt").path)
    let (tokens, width) = (shape[0] * shape[1], shape[2])
    let table = try expected.values("input").map { Float($0) }
    let identity = (0..<tokens * width).map { index in
      isHeadTransposed
        ? Float(index / tokens == index % tokens ? 1 : 0) : Float(index / width == index % width ? 1 : 0)
    }
    var own = [embedding: ([tokens, width], table)]
    if head != embedding { own[head] = (isHeadTransposed ? [width, tokens] : [tokens, width], identity) }
    let layers = stored.tensors.map {
      TensorDescription(name: "net.\($0.name)", dataType: $0.dataType, shape: $0.shape)
    }
    let path = folder.path + "/model.safetensors"
    try SafetensorsWriter.write(
      to: path, tensors: layers + own.map { TensorDescription(name: $0.key, dataType: .f32, shape: $0.value.0) },
      metadata: [:]
    ) { tensor, pass in
      guard let (_, numbers) = own[tensor.name] else {
        return try stored.withBytes(of: String(tensor.name.dropFirst(4))) { try pass($0) }
      }
      try unsafe numbers.withUnsafeBytes { try unsafe pass(RawSpan(_unsafeBytes: $0)) }
    }
    return try WeightsFile(path: path)
  }

  @Test func hiddenStatesAreTheirs() throws {
    let foreign = try ForeignModel(
      write(), tables: TableNames(embedding: "tokens.weight", head: "to_logits.weight"))
    let c = foreign.configuration
    #expect(foreign.family == .jamieStirling && foreign.remarks.isEmpty)
    #expect(c.xposScaleBase == 512 && c.hasHeadNormBias && c.vocabularySize == shape[0] * shape[1])
    let network = LanguageModel(c, try foreign.loadParameters())
    let ids = Indices((0..<shape[0] * shape[1]).map { Int32($0) })
    let output = try expected.values("output")
    for form in [RetentionForm.parallel, .recurrent, .chunkwise(chunkLength: 16), .chunkwise(chunkLength: 7)] {
      let memory = InferenceMemory(c, form: form, batch: shape[0], time: shape[1], workers: pool.threadCount)
      var state = ModelState(c, batch: shape[0])
      let found = network.forward(ids, batch: shape[0], form: form, state: &state, memory: memory, on: pool)
      expectClose(found.values, output, ratio: 3e-6, "\(form)")
    }
    // The peer's own forms agree to 1e-15.
    expectClose(try expected.values("output_recurrent"), output, ratio: 1e-7)
  }

  /// Their gradients of mean(output · probe) are those of the reference, which the engine's gradients are tested with.
  @Test func gradientsAreThoseOfTheReference() throws {
    let foreign = try ForeignModel(
      write(), tables: TableNames(embedding: "tokens.weight", head: "to_logits.weight"))
    let reference = ReferenceRetNet(foreign.configuration, try foreign.loadParameters())
    let (B, T, D) = (shape[0], shape[1], shape[2])
    let trace = reference.forward((0..<B).map { b in (0..<T).map { b * T + $0 } })
    let probe = try expected.values("probe")
    let output = try expected.values("output")
    let loss = zip(output, probe).reduce(0) { $0 + $1.0 * $1.1 } / Double(output.count)
    expectClose([loss], try expected.values("loss"), ratio: 1e-6)
    var dlogits = ReferenceTensor([B, T, B * T])
    for row in 0..<B * T {
      for column in 0..<D {
        dlogits.values[row * B * T + column] = probe[row * D + column] / Double(output.count)
      }
    }
    let gradients = reference.backward(dlogits, trace)
    var compared = 0
    for source in foreign.sources where source.name.hasPrefix("net.") {
      let name = "grad." + source.name.dropFirst(4)
      #expect(try expected.shape(name) == source.shape)
      var found: [Double] = []
      for part in source.parts {
        let gradient = try #require(gradients[part.weight.name])
        let width = gradient.count / gradient.shape[0]
        // Our q is √K of theirs.
        let factor = source.name.hasSuffix("W_Q") ? Double(part.rows.count).squareRoot() : 1
        found += gradient.values[part.rows.lowerBound * width..<part.rows.upperBound * width].map { factor * $0 }
      }
      if source.isTransposed {
        let (rows, columns) = (source.shape[0], source.shape[1])
        found = (0..<rows * columns).map { found[$0 % columns * rows + $0 / columns] }
      }
      expectClose(found, try expected.values(name), ratio: 1e-5, "\(source.name)")
      compared += 1
    }
    #expect(compared == expected.names.count { $0.hasPrefix("grad.") } && compared > 30)
  }

  @Test func aTransposedHeadAndTablesWithoutNamesAreFound() throws {
    let named = try ForeignModel(
      write(), tables: TableNames(embedding: "tokens.weight", head: "to_logits.weight")
    ).loadParameters().flat.values
    let found = try ForeignModel(write(embedding: "embed.weight", head: "proj", isHeadTransposed: true))
    #expect(found.remarks.count == 1)
    #expect(try found.loadParameters().flat.values == named)
  }

  @Test func aHeadOfTheEmbeddingsNameIsTied() throws {
    let weights = try write(embedding: "embed.weight", head: "embed.weight")
    let found = try ForeignModel(weights, tables: TableNames(head: "embed.weight"))
    #expect(found.configuration.isHeadTied)
    #expect(throws: ModelFileError.self) { try ForeignModel(weights) }
  }

  @Test func missingTablesAreNamed() throws {
    let alone = GoldenCase.jamieStirling.appendingPathComponent("model.pt").path
    let error = try #require(throws: ModelFileError.self) { try ForeignModel(WeightsFile(path: alone)) }
    #expect(error.description.hasSuffix("beside the layers, found no embedding and no head"))
    #expect(error.hint == "give their names with --embedding-name and --head-name")
    let described = try ForeignModel(WeightsFile(path: alone), tables: TableNames(areRequired: false))
    #expect(described.configuration.vocabularySize == 0 && described.configuration.width == shape[2])
    #expect(described.remarks.count == 1)
    let unclear = try #require(throws: ModelFileError.self) { try ForeignModel(write()) }
    #expect(unclear.description.contains("'to_logits.weight', 'tokens.weight'"), "\(unclear)")
    let wrong = try #require(throws: CheckpointError.self) {
      try ForeignModel(write(), tables: TableNames(embedding: "tokens", head: "to_logits.weight"))
    }
    #expect(wrong.description.contains("'tokens'"), "\(wrong)")
  }
}
