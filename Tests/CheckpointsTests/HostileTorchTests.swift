import Checkpoints
import Files
import TestSupport
import Testing

@Suite struct HostileTorchTests {
  private typealias P = HandMadePickle

  private static let weights = P.dictionary([("w", P.tensor("ByteStorage", count: 2, shape: [2], strides: [1]))])

  private func open(_ root: [UInt8]) throws -> WeightsFile {
    try TorchFixture(root: root, storages: [[8, 9]]).open()
  }

  @Test("W14: calls are recorded, not made")
  func callsNothing() throws {
    let folder = try TemporaryFolder()
    defer { withExtendedLifetime(folder) {} }
    let command = P.text("touch \(folder.path)/called")
    for call in [
      P.call(P.global("os", "system"), [command]),
      P.call(P.global("builtins", "eval"), [P.text("__import__('os').system('touch \(folder.path)/called')")]),
      P.global("subprocess", "Popen") + P.tuple([command]) + [0x81],
      P.text("os") + P.text("system") + [0x93] + P.tuple([command]) + Array("R".utf8),
      P.call(P.call(P.global("builtins", "getattr"), [P.global("os", "path"), P.text("x")]), [command]),
    ] {
      let file = try open(P.dictionary([("model", Self.weights), ("x", call), ("y", P.integer(1))]))
      #expect(file.tensors.map(\.name) == ["w"])
      #expect(file.plainConfiguration == ["y": .integer(1)])
      #expect(throws: CheckpointError.self) { try open(call) }
    }
    #expect(try folder.names.isEmpty)
  }

  @Test("W16: nesting, sharing and cycles")
  func survivesDeepAndSharedValues() throws {
    let depth = 1_000_000
    let nest = Array("N".utf8) + [UInt8](repeating: 0x85, count: depth)
    #expect(try open(P.dictionary([("model", Self.weights), ("x", nest)])).tensors.count == 1)

    // Ten dictionaries in ten more, and so on: 10^30 paths, of which each dictionary is walked once.
    var laughs = P.dictionary([("lol", P.integer(1))])
    for level in 0..<30 {
      laughs += Array("q".utf8) + [UInt8(level)] + Array("0".utf8)
      laughs += P.dictionary((0..<10).map { ("\($0)", Array("h".utf8) + [UInt8(level)]) })
    }
    #expect(try open(P.dictionary([("model", Self.weights), ("x", laughs)])).plainConfiguration.count <= 1)

    // A dictionary in itself, and a list in itself.
    let cycle = Array("}q\u{0}".utf8) + P.text("self") + Array("h\u{0}s".utf8)
    #expect(try open(P.dictionary([("x", cycle), ("model", Self.weights)])).plainConfiguration.isEmpty)
    let root = Array("}q\u{0}(".utf8) + P.text("model") + Array("h\u{0}".utf8) + P.text("w") + P.none + Array("u".utf8)
    #expect(throws: CheckpointError.self) { try open(root) }
    let list = Array("]q\u{0}h\u{0}a".utf8)
    #expect(try open(P.dictionary([("x", list), ("model", Self.weights)])).tensors.count == 1)
    // A call whose argument is the call: tuples close only afterwards, so it takes a list.
    let call =
      P.global("torch._utils", "_rebuild_parameter") + Array("]q\u{0}".utf8) + [0x85]
      + Array("Rq\u{1}0h\u{0}h\u{1}a".utf8)
    #expect(throws: CheckpointError.self) { try open(P.dictionary([("model", P.dictionary([("w", call)]))])) }
  }

  @Test("W16: too many values")
  func limitsValues() throws {
    for piece in ["N", "(", "]q\u{0}", "N\u{85}"] {
      // No instruction of these takes more than it adds.
      let bytes = piece.unicodeScalars.map { UInt8($0.value) }
      let flood = [[UInt8]](repeating: bytes, count: 8_000_001).flatMap { $0 }
      let error = #expect(throws: CheckpointError.self) { try open(flood) }
      guard case .pickle(_, _, "at most 8000000 values", "more") = error else {
        Issue.record("\(String(describing: error))")
        continue
      }
    }
  }

  /// The beginning of a pickle, after the protocol, that must stop at a byte.
  struct Stop: CustomTestStringConvertible {
    let name: String
    let bytes: [UInt8]
    let byte: Int
    let expected: String
    let found: String
    var testDescription: String { name }

    init(_ name: String, _ bytes: [UInt8], at byte: Int, _ expected: String, _ found: String) {
      (self.name, self.bytes, self.byte, self.expected, self.found) = (name, bytes, byte + 2, expected, found)
    }
  }

  static let stops = [
    Stop("nothing", Array(".".utf8), at: 0, "a value on the stack", "none"),
    Stop("no stop", Array("N".utf8), at: 1, "1 bytes more", "0"),
    Stop("unknown instruction", Array("N".utf8) + [0x92], at: 1, "an instruction that weights need", "0x92"),
    Stop("instance by text", Array("(ios\nsystem\n".utf8), at: 1, "an instruction that weights need", "0x69"),
    Stop("extension", [0x82, 1], at: 0, "an instruction that weights need", "0x82"),
    Stop("protocol 1", [0x80, 1], at: 0, "pickle protocol 2 to 5", "1"),
    Stop("memo 2^32 - 1", Array("j".utf8) + little(-1, 4), at: 0, "a value under number 4294967295", "none"),
    Stop("memo 7", Array("Nq\u{6}h\u{7}".utf8), at: 3, "a value under number 7", "none"),
    Stop("put of nothing", Array("q\u{0}".utf8), at: 0, "a value on the stack", "none"),
    Stop("put of a mark", Array("N(q\u{0}".utf8), at: 2, "a value on the stack", "none"),
    Stop("below a mark", Array("NN(R".utf8), at: 3, "2 values on the stack", "0"),
    Stop("no mark", Array("Nt".utf8), at: 1, "a mark on the stack", "none"),
    Stop("three of two", Array("NN".utf8) + [0x87], at: 2, "3 values on the stack", "2"),
    Stop("odd items", Array("}(Nu".utf8), at: 3, "keys and values", "1 of them"),
    Stop("odd dictionary", Array("(NNNd".utf8), at: 4, "keys and values", "3 of them"),
    Stop("items of a list", Array("](NNu".utf8), at: 4, "a dictionary to add to", "a list of 0"),
    Stop("members of a number", Array("K\u{3}Na".utf8), at: 3, "a list or a set to add to", "3"),
    Stop("state of a text", Array("U\u{1}aNb".utf8), at: 4, "an object to fill", "'a'"),
    Stop("text of 4 GiB", Array("X".utf8) + little(-1, 4), at: 0, "4294967295 bytes more", "0"),
    Stop("bytes of 4 GiB", Array("B".utf8) + little(-1, 4), at: 0, "4294967295 bytes more", "0"),
    Stop("long without bytes", [0x8A, 255, 1], at: 0, "255 bytes more", "1"),
    Stop("half a number", Array("J\u{1}".utf8), at: 0, "4 bytes more", "1"),
    Stop(
      "endless name", Array("c".utf8) + [UInt8](repeating: 0x61, count: 5_000_000), at: 0,
      "a line of at most 1024 bytes of UTF-8", "another"),
    Stop("name without end", Array("cos".utf8), at: 0, "a line of at most 1024 bytes of UTF-8", "another"),
    Stop(
      "global of a number", Array("NK\u{1}".utf8) + [0x93], at: 3, "the names of a module and of a thing in it", "1"),
  ]

  @Test("W15, W28: wrong instructions stop where they are", arguments: stops)
  func tellsTheByte(stop: Stop) throws {
    let fixture = try TorchFixture(HandMadeArchive(pickle: [0x80, 2] + stop.bytes))
    #expect(throws: fixture.pickleError(stop.byte, stop.expected, stop.found)) { try fixture.open() }
  }

  @Test("W15: integers of any length")
  func readsLongIntegers() throws {
    let long = [0x8A, 255] + [UInt8](repeating: 0xFF, count: 255)
    #expect(try open(P.dictionary([("x", long), ("model", Self.weights)])).plainConfiguration.isEmpty)
    let sizes = P.tuple([long])
    let storage = P.storage(P.global("torch", "ByteStorage"), key: "0", count: 2)
    let tensor = P.call(
      P.global("torch._utils", "_rebuild_tensor_v2"), [storage, P.integer(0), sizes, sizes, P.none, P.none])
    let fixture = try TorchFixture(tensor: tensor, storages: [[8, 9]])
    #expect(throws: fixture.tensorError("an offset, sizes and strides", "0, a tuple of 1, a tuple of 1")) {
      try fixture.open()
    }
  }
}
