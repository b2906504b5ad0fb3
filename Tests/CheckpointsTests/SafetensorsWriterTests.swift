import Checkpoints
import Files
import TestSupport
import Testing

@Suite struct SafetensorsWriterTests {
  private let folder: TemporaryFolder
  private var path: String { folder.path + "/m.safetensors" }

  private static let tensors = [
    TensorDescription(name: "norm", dataType: .f32, shape: [2]),
    TensorDescription(name: "tokenizer", dataType: .u8, shape: [5]),
    TensorDescription(name: "a", dataType: .bf16, shape: [3, 1]),
    TensorDescription(name: "Z", dataType: .f32, shape: []),
    TensorDescription(name: "packed", dataType: .f4, shape: [6]),
    TensorDescription(name: "empty", dataType: .i64, shape: [0, 4]),
    TensorDescription(name: "é\"\\\n", dataType: .f16, shape: [1]),
  ]
  private static let metadata = ["format": "pt", "b": "{\"x\": \"\u{1}\t\"}", "a": "😀"]

  init() throws { folder = try TemporaryFolder() }

  /// Bytes that depend on the tensor's name and nothing else.
  private static func data(_ tensor: TensorDescription) -> [UInt8] {
    let digest = SHA256Digest(of: Array(tensor.name.utf8)).bytes
    return (0..<tensor.byteCount).map { digest[$0 % 32] }
  }

  private func write(
    _ tensors: [TensorDescription] = tensors, _ metadata: [String: String] = metadata
  ) throws -> [UInt8] {
    try SafetensorsWriter.write(to: path, tensors: tensors, metadata: metadata) { tensor, emit in
      // In two pieces, the first possibly empty.
      let data = Self.data(tensor)
      try Array(data.prefix(data.count / 2)).withRawSpan(emit)
      try Array(data.dropFirst(data.count / 2)).withRawSpan(emit)
    }
    return try folder.contents(of: "m.safetensors")
  }

  @Test("C24: what is written can be read")
  func roundTrips() throws {
    _ = try write()
    let file = try SafetensorsFile(path: path)
    #expect(file.metadata == Self.metadata)
    #expect(file.tensors.count == Self.tensors.count)
    for tensor in Self.tensors {
      #expect(file.description(of: tensor.name) == tensor)
      #expect(try file.withBytes(of: tensor.name) { Array(copying: $0) } == Self.data(tensor))
    }
  }

  @Test("C24: a file without anything")
  func writesAnEmptyFile() throws {
    #expect(try write([], [:]) == HandMadeFile("{}      ").bytes)
  }

  @Test("C25: data by width, then name")
  func ordersData() throws {
    _ = try write()
    let names = try SafetensorsFile(path: path).tensors.map(\.name)
    #expect(names == ["empty", "Z", "norm", "a", "é\"\\\n", "tokenizer", "packed"])
  }

  @Test("C26, C27: the header, byte by byte")
  func writesSortedPaddedText() throws {
    let text =
      #"{"__metadata__":{"a":"😀","b":"{\"x\": \"\u0001\u0009\"}","format":"pt"},"#
      + #""Z":{"data_offsets":[0,4],"dtype":"F32","shape":[]},"#
      + #""a":{"data_offsets":[12,18],"dtype":"BF16","shape":[3,1]},"#
      + #""empty":{"data_offsets":[0,0],"dtype":"I64","shape":[0,4]},"#
      + #""norm":{"data_offsets":[4,12],"dtype":"F32","shape":[2]},"#
      + #""packed":{"data_offsets":[25,28],"dtype":"F4","shape":[6]},"#
      + #""tokenizer":{"data_offsets":[20,25],"dtype":"U8","shape":[5]},"#
      + #""é\"\\\u000a":{"data_offsets":[18,20],"dtype":"F16","shape":[1]}}"#
    let spaces = String(repeating: " ", count: (8 - text.utf8.count % 8) % 8)
    let names = ["empty", "Z", "norm", "a", "é\"\\\n", "tokenizer", "packed"]
    let data = names.flatMap { name in Self.tensors.first { $0.name == name }.map(Self.data) ?? [] }
    #expect(try write() == HandMadeFile(text + spaces, data: data).bytes)
  }

  @Test("C27: the data begin at a multiple of eight", arguments: 1...9)
  func alignsTheData(length: Int) throws {
    let tensor = TensorDescription(name: String(repeating: "n", count: length), dataType: .f64, shape: [1])
    #expect(try (write([tensor], [:]).count - 8) % 8 == 0)
  }

  @Test("C28: the same input gives the same bytes")
  func isDeterministic() throws {
    let expected = try write()
    for seed in 0..<10 {
      var random = SeededGenerator(seed: UInt64(seed))
      let pairs = Self.metadata.shuffled(using: &random)
      let found = try write(Self.tensors.shuffled(using: &random), Dictionary(uniqueKeysWithValues: pairs))
      #expect(found == expected)
    }
  }

  struct ProviderError: Error, Equatable {}

  @Test("C29: a failure leaves the old file and nothing else")
  func isAtomic() throws {
    let old = try write()
    #expect(throws: ProviderError()) {
      try SafetensorsWriter.write(to: path, tensors: Self.tensors, metadata: [:]) { tensor, emit in
        if tensor.name == "packed" { throw ProviderError() }
        try Self.data(tensor).withRawSpan(emit)
      }
    }
    #expect(try folder.names == ["m.safetensors"])
    #expect(try folder.contents(of: "m.safetensors") == old)
  }

  @Test("C29: a full device and a missing folder are reported")
  func reportsWhatTheSystemSays() throws {
    func error(writingTo path: String) throws -> CheckpointError? {
      #expect(throws: CheckpointError.self) {
        try SafetensorsWriter.write(to: path, tensors: Self.tensors, metadata: [:]) { tensor, emit in
          try Self.data(tensor).withRawSpan(emit)
        }
      }
    }
    let full = FileError.cannotWrite(path: "/dev/full", reason: "No space left on device")
    #expect(try error(writingTo: "/dev/full") == .file(full))
    let reason = "the folder '\(folder.path)/none' does not exist"
    let missing = FileError.cannotCreate(path: folder.path + "/none/m", reason: reason)
    #expect(try error(writingTo: folder.path + "/none/m") == .file(missing))
  }

  @Test("C30: names that a reader would refuse")
  func refusesNames() throws {
    func expectError(_ name: String, _ expected: String, _ found: String, _ names: [String], key: String = "k") throws {
      let tensors = names.map { TensorDescription(name: $0, dataType: .u8, shape: [1]) }
      let error = CheckpointError.tensor(path: path, name: name, expected: expected, found: found)
      #expect(throws: error) { try write(tensors, [key: "v"]) }
      #expect(try folder.names == [])
    }
    let long = String(repeating: "x", count: 1025)
    try expectError("a", "a name of its own", "a name already in use", ["a", "b", "a"])
    try expectError("e\u{301}", "a name of its own", "a name already in use", ["\u{E9}", "e\u{301}"])
    try expectError("__metadata__", "a name of its own", "a name already in use", ["__metadata__"])
    try expectError(long, "a name of at most 1024 bytes", "1025", [long])
    try expectError(long, "a name of at most 1024 bytes", "1025", ["a"], key: long)
  }

  @Test("C31: exactly the promised bytes", arguments: [(3, "3"), (5, "at least 5"), (0, "0")])
  func refusesOtherCounts(byteCount: Int, found: String) throws {
    let tensor = TensorDescription(name: "t", dataType: .f32, shape: [1])
    let error = CheckpointError.tensor(path: path, name: "t", expected: "4 bytes to write", found: found)
    #expect(throws: error) {
      try SafetensorsWriter.write(to: path, tensors: [tensor], metadata: [:]) { _, emit in
        for _ in 0..<byteCount { try [0].withRawSpan(emit) }
      }
    }
    #expect(try folder.names == [])
  }
}
