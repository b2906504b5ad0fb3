import Checkpoints
import Files
import TestSupport
import Testing

@Suite struct TorchWriterTests {
  private let folder: TemporaryFolder
  private var path: String { folder.path + "/m.pt" }

  private static let tensors = [
    TensorDescription(name: "embed", dataType: .f32, shape: [3, 5]),
    TensorDescription(name: "a", dataType: .bf16, shape: [2, 3, 4]),
    TensorDescription(name: "é\n", dataType: .f16, shape: [7]),
    TensorDescription(name: "norm", dataType: .f64, shape: [2, 1]),
    TensorDescription(name: "one", dataType: .f32, shape: []),
    TensorDescription(name: "empty", dataType: .f32, shape: [0, 4]),
    TensorDescription(name: "ids", dataType: .i64, shape: [70]),
    TensorDescription(name: "flags", dataType: .bool, shape: [3]),
  ]

  init() throws { folder = try TemporaryFolder() }

  /// Bytes that depend on the tensor's name and nothing else.
  private static func data(_ tensor: TensorDescription) -> [UInt8] {
    let digest = SHA256Digest(of: Array(tensor.name.utf8)).bytes
    return (0..<tensor.byteCount).map { digest[$0 % 32] }
  }

  private func write(
    _ tensors: [TensorDescription] = tensors, _ layout: TorchLayout = .stateDictionary
  ) throws -> [UInt8] {
    try TorchWriter.write(to: path, tensors: tensors, layout: layout) { tensor, emit in
      // In two pieces, the first possibly empty.
      let data = Self.data(tensor)
      try Array(data.prefix(data.count / 2)).withRawSpan(emit)
      try Array(data.dropFirst(data.count / 2)).withRawSpan(emit)
    }
    return try folder.contents(of: "m.pt")
  }

  @Test("W29: what is written can be read, in its order")
  func roundTrips() throws {
    _ = try write()
    let file = try WeightsFile(path: path)
    #expect(file.tensors == Self.tensors)
    #expect(file.plainConfiguration.isEmpty && file.sharing.isEmpty)
    for tensor in Self.tensors {
      #expect(try file.withBytes(of: tensor.name) { Array(copying: $0) } == Self.data(tensor))
    }
    _ = try write([])
    #expect(throws: CheckpointError.self) { try WeightsFile(path: path) }
  }

  @Test("W29: stored entries in PyTorch's order, aligned, with their checksums")
  func laysOutTheArchive() throws {
    let bytes = try write()
    func number(_ place: Int, _ count: Int) -> Int {
      bytes[place..<place + count].reversed().reduce(0) { $0 << 8 | Int($1) }
    }
    var place = 0
    var names: [String] = []
    while bytes[place...].starts(with: "PK\u{3}\u{4}".utf8) {
      let nameEnd = place + 30 + number(place + 26, 2)
      let start = nameEnd + number(place + 28, 2)
      #expect(start % 64 == 0 && number(place + 8, 2) == 0)
      names.append(String(decoding: bytes[place + 30..<nameEnd], as: UTF8.self))
      let descriptor = bytes[start...].indices.first { bytes[$0...].starts(with: "PK\u{7}\u{8}".utf8) } ?? start
      var checksum = CRC32Checksum()
      Array(bytes[start..<descriptor]).withRawSpan { checksum.update($0) }
      #expect(number(descriptor + 4, 4) == Int(checksum.value) && number(descriptor + 8, 4) == descriptor - start)
      #expect(number(descriptor + 12, 4) == descriptor - start)
      place = descriptor + 16
    }
    let storages = Self.tensors.indices.map { "archive/data/\($0)" }
    #expect(names == ["archive/data.pkl", "archive/byteorder"] + storages + ["archive/version"])
  }

  @Test("W30: the pickle, byte by byte")
  func writesThePickle() throws {
    let tensors = [
      TensorDescription(name: "w", dataType: .bf16, shape: [2, 300]),
      TensorDescription(name: "b", dataType: .f64, shape: []),
    ]
    _ = try write(tensors, TorchLayout(root: ["n": nil, "model": .weights], aliases: ["head": "w"]))
    typealias P = HandMadePickle
    func tensor(_ key: String, _ type: String, count: [UInt8], shape: [[UInt8]], strides: [[UInt8]]) -> [UInt8] {
      let parts = [P.text("storage"), P.global("torch", type), P.text(key), P.text("cpu"), count]
      return P.call(
        P.global("torch._utils", "_rebuild_tensor_v2"),
        [P.tuple(parts) + Array("Q".utf8), P.integer(0), P.tuple(shape), P.tuple(strides), [0x89], ordered])
    }
    let ordered = P.global("collections", "OrderedDict") + Array(")R".utf8)
    let wide = Array("M".utf8) + little(300, 2)
    let w = tensor(
      "0", "BFloat16Storage", count: Array("M".utf8) + little(600, 2), shape: [P.integer(2), wide],
      strides: [wide, P.integer(1)])
    let b = tensor("1", "DoubleStorage", count: P.integer(1), shape: [], strides: [])
    let state = ordered + Array("(".utf8) + P.text("w") + w + P.text("b") + b + P.text("head") + w + Array("u".utf8)
    let expected = P.file(P.dictionary([("n", P.none), ("model", state)]))
    let bytes = try folder.contents(of: "m.pt")
    #expect(Array(bytes[64...].prefix(expected.count)) == expected)
  }

  @Test("W30: plain values and dictionaries around the weights")
  func writesLayouts() throws {
    let integers = [
      0, 255, 256, 65_535, 65_536, .max, -1, -128, -129, Int(Int32.min), Int(Int32.min) - 1, .min, 1 << 39,
    ]
    let entries = integers.map { TorchLayout.Entry(key: "\($0)", value: .scalar(.integer($0))) }
    let root: TorchLayout.Value = [
      "args": nil, "cfg": ["model": ["act": "gelu ∂", "rate": 0.1, "tied": true, "deep": ["x": false]]],
      "list": ["a", 1, []], "integers": .dictionary(entries), "empty": [:], "model": .weights,
    ]
    _ = try write(Self.tensors, TorchLayout(root: root))
    let file = try WeightsFile(path: path)
    #expect(file.tensors == Self.tensors)
    var expected: [String: PickleScalar] = [
      "args": .none, "cfg.model.act": .text("gelu ∂"), "cfg.model.rate": .float(0.1), "cfg.model.tied": .boolean(true),
      "cfg.model.deep.x": .boolean(false),
    ]
    for integer in integers { expected["integers.\(integer)"] = .integer(integer) }
    #expect(file.plainConfiguration == expected)
  }

  @Test("W30: further names share the storage")
  func writesAliases() throws {
    let layout = TorchLayout(root: .weights, aliases: ["z": "embed", "head": "embed", "b": "norm"])
    _ = try write(Self.tensors, layout)
    let file = try WeightsFile(path: path)
    #expect(file.tensors.map(\.name) == Self.tensors.map(\.name) + ["b", "head", "z"])
    #expect(file.sharing == [["embed", "head", "z"], ["norm", "b"]])
    #expect(try file.withBytes(of: "head") { Array(copying: $0) } == Self.data(Self.tensors[0]))
  }

  @Test("W31: the 64-bit form, where it is needed", arguments: [0, 1, 64, 65, 300, 500, 2_000])
  func writesWideArchives(wideFrom: Int) throws {
    typealias P = HandMadePickle
    let tensor = P.tensor("ByteStorage", count: 64, shape: [64], strides: [1])
    let file = try AtomicFile(replacing: path)
    var archive = ArchiveWriter(file, wideFrom: wideFrom)
    try archive.add("archive/data.pkl", P.file(P.dictionary([("t", tensor)])))
    try archive.add("archive/data/0", [UInt8](0..<64))
    try archive.finish()
    try file.commit()
    #expect(try WeightsFile(path: path).withBytes(of: "t") { Array(copying: $0) } == [UInt8](0..<64))
    let hasWideEnd = try folder.contents(of: "m.pt").suffix(42).starts(with: "PK\u{6}\u{7}".utf8)
    #expect(hasWideEnd == (wideFrom <= 500))
  }

  @Test("W31: more entries than 16 bits count")
  func writesManyEntries() throws {
    typealias P = HandMadePickle
    let tensor = P.tensor("ByteStorage", key: "last", count: 2, shape: [2], strides: [1])
    let file = try AtomicFile(replacing: path)
    var archive = ArchiveWriter(file, wideFrom: ArchiveWriter.wideFrom)
    try archive.add("archive/data.pkl", P.file(P.dictionary([("t", tensor)])))
    for key in 0..<65_534 { try archive.add("archive/data/\(key)", []) }
    try archive.add("archive/data/last", [8, 9])
    try archive.finish()
    try file.commit()
    #expect(try WeightsFile(path: path).withBytes(of: "t") { Array(copying: $0) } == [8, 9])
  }

  @Test("W32: the same input gives the same bytes")
  func isDeterministic() throws {
    let aliases = (0..<20).map { ("alias \($0)", "embed") }
    let expected = try write(Self.tensors, TorchLayout(root: .weights, aliases: .init(uniqueKeysWithValues: aliases)))
    let other = TorchLayout(root: .weights, aliases: .init(uniqueKeysWithValues: aliases.reversed()))
    #expect(try write(Self.tensors, other) == expected)
  }

  struct ProviderError: Error, Equatable {}

  @Test("W32: a failure leaves the old file and nothing else")
  func isAtomic() throws {
    let old = try write()
    #expect(throws: ProviderError()) {
      try TorchWriter.write(to: path, tensors: Self.tensors, layout: .stateDictionary) { tensor, emit in
        if tensor.name == "flags" { throw ProviderError() }
        try Self.data(tensor).withRawSpan(emit)
      }
    }
    #expect(try folder.names == ["m.pt"])
    #expect(try folder.contents(of: "m.pt") == old)
    let full = CheckpointError.file(.cannotWrite(path: "/dev/full", reason: "No space left on device"))
    #expect(throws: full) {
      try TorchWriter.write(to: "/dev/full", tensors: [], layout: .stateDictionary) { _, _ in }
    }
  }

  @Test("W33: names, types and lengths that a reader would refuse")
  func refusesWrongInput() throws {
    func expectError(_ error: CheckpointError, _ tensors: [TensorDescription], aliases: [String: String] = [:]) throws {
      #expect(throws: error) { try write(tensors, TorchLayout(root: .weights, aliases: aliases)) }
      #expect(try folder.names.isEmpty)
    }
    func error(_ name: String, _ expected: String, _ found: String) -> CheckpointError {
      .tensor(path: path, name: name, expected: expected, found: found)
    }
    let (a, long) = (TensorDescription(name: "a", dataType: .u8, shape: [1]), String(repeating: "x", count: 1025))
    try expectError(error("a", "a name of its own", "a name already in use"), [a, a])
    try expectError(error("a", "a name of its own", "a name already in use"), [a], aliases: ["a": "a"])
    try expectError(error(long, "a name of at most 1024 bytes", "1025"), [a], aliases: [long: "a"])
    try expectError(.missingTensor(path: path, name: "b"), [a], aliases: ["c": "b"])
    let type = TensorDescription(name: "t", dataType: .f8E4M3, shape: [1])
    try expectError(error("t", "a type that PyTorch has a storage of", "F8_E4M3"), [type])
    for (byteCount, found) in [(0, "0"), (2, "at least 2")] {
      #expect(throws: error("a", "1 bytes to write", found)) {
        try TorchWriter.write(to: path, tensors: [a], layout: .stateDictionary) { _, emit in
          for _ in 0..<byteCount { try [0].withRawSpan(emit) }
        }
      }
    }
  }
}
