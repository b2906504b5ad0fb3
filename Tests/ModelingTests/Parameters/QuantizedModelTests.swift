import Checkpoints
import Files
import Modeling
import Retention
import Tensors
import TestSupport
import Testing

/// Quantised model files, and models that run from a file's mapping: the sentences of docs/CHECKPOINT.md §2 by number.
@Suite struct QuantizedModelTests {
  private let folder: TemporaryFolder
  private let pool = WorkerPool(threadCount: 2)
  private var path: String { folder.path + "/model.safetensors" }

  init() throws { folder = try TemporaryFolder() }

  /// Rows of whole blocks everywhere but in `down`, whose rows have 40 numbers.
  private static let size = ModelCase(B: 1, T: 40, N: 37, D: 64, L: 2, H: 2, K: 16, V: 32, F: 40)

  @discardableResult
  private func write(_ quantization: Quantization?, _ format: NumberFormat = .float32) throws -> LanguageModel {
    let model = Self.size.models().model
    let storage = quantization.map { MatrixStorage.quantized($0) } ?? .numbers(format)
    try model.write(to: path, storage: storage, provenance: Provenance(), tokenizer: nil)
    return model
  }

  private func objection(to parts: ModelFileParts) throws -> String {
    do {
      _ = try ModelHeader(path: folder.add("model.safetensors", parts.bytes)).loadNetwork()
      return "none"
    } catch let error as ModelFileError {
      return error.description.replacing(path + ": ", with: "")
    } catch let error as CheckpointError {
      return error.description.replacing(path + ": ", with: "")
    }
  }

  @Test("M21: a quantised matrix has scales, another has none")
  func scales() throws {
    try write(.q4_0)
    let sound = try ModelFileParts(path: path)
    let (name, scales) = ("layers.1.ret.v.weight", "layers.1.ret.v.weight.scales")
    #expect(sound.tensors[name]?.dataType == "U8" && sound.tensors[name]?.shape == [64, 32])
    #expect(sound.tensors[scales]?.dataType == "F16" && sound.tensors[scales]?.shape == [64, 2])
    #expect(sound.tensors["embed.weight"]?.dataType == "I8" && sound.tensors["embed.weight"]?.shape == [37, 64])
    #expect(try objection(to: sound) == "none")

    var parts = sound
    parts.tensors[scales] = nil
    #expect(try objection(to: parts) == "no tensor '\(scales)'")
    parts = sound
    parts.tensors[scales]?.shape = [2, 64]
    #expect(try objection(to: parts) == "tensor '\(scales)': expected [64, 2], found [2, 64]")
    parts = sound
    parts.tensors[scales]?.dataType = "BF16"
    #expect(try objection(to: parts) == "tensor '\(scales)': expected F16, found BF16")
    parts = sound
    parts.tensors[name]?.shape = [32, 64]
    #expect(try objection(to: parts) == "tensor '\(name)': expected [64, 32], found [32, 64]")
    parts = sound
    parts.tensors[name]?.dataType = "I8"
    #expect(try objection(to: parts) == "tensor '\(name)': expected [64, 64], found [64, 32]")
    parts = sound
    parts.tensors[name] = .init(dataType: "F32", shape: [64, 64], bytes: Array(repeating: 0, count: 4 * 64 * 64))
    #expect(try objection(to: parts) == "tensor '\(scales)': expected none of this name")
    parts = sound
    parts.tensors["layers.0.ffn.down.weight"] = .init(
      dataType: "I8", shape: [64, 40], bytes: Array(repeating: 0, count: 64 * 40))
    #expect(
      try objection(to: parts) == "tensor 'layers.0.ffn.down.weight': expected F32, BF16 or F16, found I8")
  }

  @Test("M22: a number is its block's scale times eight bits, or times a half byte less 8")
  func numbersOfBlocks() throws {
    try write(.q4_0)
    var parts = try ModelFileParts(path: path)
    let name = "layers.0.ret.q.weight"
    parts.tensors[name]?.bytes = (0..<32 * 32).map { UInt8(truncatingIfNeeded: $0 * 37) }
    parts.tensors[name + ".scales"]?.bytes = Array(repeating: [0, 0x38, 0, 0xC4], count: 32).flatMap(\.self)
    parts.tensors["embed.weight"]?.bytes = (0..<37 * 64).map { UInt8(truncatingIfNeeded: $0 * 11) }
    parts.tensors["embed.weight.scales"]?.bytes = Array(repeating: [0, 0x38, 0, 0xC4], count: 37).flatMap(\.self)
    parts.metadata[ModelHeader.digestKey] = nil
    let parameters = try ModelHeader(path: folder.add("model.safetensors", parts.bytes)).loadParameters()
    let (query, embedding) = (try #require(parameters.tensor(named: name)), parameters.embedding)
    let scale: [Float] = [0.5, -4]
    for row in 0..<32 {
      for column in 0..<64 {
        let (block, place) = (column / 32, column % 32)
        let byte = UInt8(truncatingIfNeeded: (row * 32 + block * 16 + place % 16) * 37)
        let half = place < 16 ? byte & 15 : byte >> 4
        #expect(query[row * 64 + column] == scale[block] * (Float(half) - 8))
        let eight = Int8(truncatingIfNeeded: (row * 64 + column) * 11)
        #expect(embedding[row * 64 + column] == scale[block] * Float(eight))
      }
    }
  }

  @Test("M23: a model runs from the file as it lies", arguments: [NumberFormat.float32, .bfloat16, .float16])
  func runsFromTheMapping(_ format: NumberFormat) throws {
    try write(nil, format)
    let header = try ModelHeader(path: path)
    let (mapped, loaded) = (try header.loadNetwork(), LanguageModel(header.configuration, try header.loadParameters()))
    // Token by token: one row meets the same numbers in the same order.
    #expect(logits(mapped, .recurrent) == logits(loaded, .recurrent))
  }

  @Test("M23: a quantised model runs from the file as it lies", arguments: Quantization.allCases)
  func runsFromBlocks(_ quantization: Quantization) throws {
    let model = try write(quantization)
    let mapped = try ModelHeader(path: path).loadNetwork()
    // The same blocks, made in memory.
    let weights = ModelWeights(
      model.parameters, model.configuration, format: { quantization.storage(of: $0).weightFormat ?? .float32 }, on: pool
    )
    let made = LanguageModel(model.configuration, weights)
    for form in [RetentionForm.recurrent, .chunkwise(chunkLength: 32)] {
      #expect(logits(mapped, form) == logits(made, form))
    }
    var parts = try ModelFileParts(path: path)
    let part = try ModelFileParts(
      path: {
        try write(nil, .float16); return path
      }())
    parts.tensors["lm_head.weight"] = part.tensors["lm_head.weight"]
    parts.tensors["lm_head.weight.scales"] = nil
    #expect(try objection(to: parts) == "none")
  }

  @Test(
    "M24: embedding and head have eight bits, odd rows bfloat16, all else the format", arguments: Quantization.allCases)
  func formatsOfTensors(_ quantization: Quantization) throws {
    try write(quantization)
    let header = try ModelHeader(path: path)
    #expect(header.quantization == quantization)
    for tensor in header.file.tensors {
      let expected: DataType =
        switch tensor.name {
        case let name where name.hasSuffix(".scales"): .f16
        case "embed.weight", "lm_head.weight": .i8
        case let name where name.hasSuffix("down.weight"): .bf16
        case let name where name.hasSuffix("norm.weight"): .f32
        default: quantization == .q8_0 ? .i8 : .u8
        }
      #expect(tensor.dataType == expected, "\(tensor.name)")
    }
    #expect(try header.computeDigest() == header.storedDigest)
  }

  @Test("M25: scales are of the largest number, numbers are rounded to nearest", arguments: Quantization.allCases)
  func rounding(_ quantization: Quantization) throws {
    let model = try write(quantization)
    let name = "layers.0.ffn.up.weight"
    let (before, after) = (
      try #require(model.parameters.tensor(named: name)).values,
      try #require(try ModelHeader(path: path).loadParameters().tensor(named: name)).values
    )
    for block in stride(from: 0, to: before.count, by: 32) {
      let numbers = before[block..<block + 32]
      var largest: Float = 0
      for number in numbers where number.magnitude > largest.magnitude { largest = number }
      let scale = Float(Float16(quantization == .q8_0 ? largest.magnitude / 127 : largest / -8))
      let range: ClosedRange<Float> = quantization == .q8_0 ? -127...127 : -8...7
      for (index, number) in numbers.enumerated() {
        let step = min(max((number * (1 / scale)).rounded(.toNearestOrEven), range.lowerBound), range.upperBound)
        #expect(after[block + index] == scale * step)
      }
    }
  }

  @Test("M26: what cannot be quantised is named", arguments: Quantization.allCases)
  func refused(_ quantization: Quantization) throws {
    let network = Self.size.models().model
    func problem() throws -> String? {
      switch try WeightReader(network).firstProblem(quantization.storage) {
      case nil: nil
      case .notFinite(let found): "\(found.name) \(found.place) \(found.number)"
      case .notStorable(let name, let stored): "\(name) \(stored)"
      }
    }
    let parameters = network.parameters
    #expect(try problem() == nil)
    // Rows that are no whole blocks are bfloat16, which holds it.
    try #require(parameters.tensor(named: "layers.1.ffn.down.weight"))[3] = 1e30
    #expect(try problem() == nil)
    try #require(parameters.tensor(named: "layers.1.ret.o.weight"))[3] = 1e30
    #expect(try problem() == "layers.1.ret.o.weight \(quantization.rawValue)")
    try #require(parameters.tensor(named: "layers.1.ret.o.weight"))[3] = .nan
    #expect(try problem() == "layers.1.ret.o.weight [0, 3] nan")
  }

  private func logits(_ network: LanguageModel, _ form: RetentionForm) -> [Float] {
    let memory = InferenceMemory(network.configuration, form: form, batch: 1, time: 40, workers: 2)
    var state = ModelState(network.configuration, batch: 1)
    let (ids, logits) = (Self.size.tokens()[0].map { Int32($0) }, Tensor(Shape(40, 37)))
    for start in stride(from: 0, to: 40, by: form == .recurrent ? 1 : 40) {
      let count = form == .recurrent ? 1 : 40
      let normed = network.forward(
        Indices(Array(ids[start..<start + count])), batch: 1, form: form, state: &state, memory: memory, on: pool)
      network.computeLogits(logits.view(Shape(count, 37), at: start * 37), normed, on: pool)
    }
    return logits.values
  }
}
