import Checkpoints
import Files
import Foundation
import TestSupport
import Testing

@Suite struct LegacyTorchTests {
  private typealias P = HandMadePickle

  /// By PyTorch 2.13, with `_use_new_zipfile_serialization=False`, of `x = torch.arange(6., dtype=torch.float64)` and
  /// `{'epoch': 3, 'model': {'m': x.view(2, 3).t(), 'row': x[3:], 'h': torch.tensor([1, 2, 3], dtype=torch.int16),
  /// 'tied': x.view(2, 3).t()}}`.
  private static let golden = """
    gAKKCmz8nEb5IGqoUBkugAJN6QMugAJ9cQAoWBAAAABwcm90b2NvbF92ZXJzaW9ucQFN6QNYDQAAAGxpdHRsZV9lbmRpYW5xAohYCgAAAHR5\
    cGVfc2l6ZXNxA31xBChYBQAAAHNob3J0cQVLAlgDAAAAaW50cQZLBFgEAAAAbG9uZ3EHSwR1dS6AAn1xAChYBQAAAGVwb2NocQFLA1gFAAAA\
    bW9kZWxxAn1xAyhYAQAAAG1xBGN0b3JjaC5fdXRpbHMKX3JlYnVpbGRfdGVuc29yX3YyCnEFKChYBwAAAHN0b3JhZ2VxBmN0b3JjaApEb3Vi\
    bGVTdG9yYWdlCnEHWA4AAAA5MzkzNDEwNDU3NTc2MHEIWAMAAABjcHVxCUsGTnRxClFLAEsDSwKGcQtLAUsDhnEMiWNjb2xsZWN0aW9ucwpP\
    cmRlcmVkRGljdApxDSlScQ50cQ9ScRBYAwAAAHJvd3ERaAUoKGgGaAdYDgAAADkzOTM0MTA0NTc1NzYwcRJoCUsGTnRxE1FLA0sDhXEUSwGF\
    cRWJaA0pUnEWdHEXUnEYWAEAAABocRloBSgoaAZjdG9yY2gKU2hvcnRTdG9yYWdlCnEaWA4AAAA5MzkzNDAxODA1OTg0MHEbaAlLA050cRxR\
    SwBLA4VxHUsBhXEeiWgNKVJxH3RxIFJxIVgEAAAAdGllZHEiaAUoKGgGaAdYDgAAADkzOTM0MTA0NTc1NzYwcSNoCUsGTnRxJFFLAEsDSwKG\
    cSVLAUsDhnEmiWgNKVJxJ3RxKFJxKXV1LoACXXEAKFgOAAAAOTM5MzQwMTgwNTk4NDBxAVgOAAAAOTM5MzQxMDQ1NzU3NjBxAmUuAwAAAAAA\
    AAABAAIAAwAGAAAAAAAAAAAAAAAAAAAAAAAAAAAA8D8AAAAAAAAAQAAAAAAAAAhAAAAAAAAAEEAAAAAAAAAUQA==
    """

  private func doubles(_ values: [Double]) -> [UInt8] {
    values.flatMap { little(Int(bitPattern: UInt($0.bitPattern)), 8) }
  }

  @Test("W34: a file that PyTorch wrote: strided and shared views, 8-byte elements, plain values")
  func readsFilesByPyTorch() throws {
    let fixture = try TorchFixture(bytes: Array(try #require(Data(base64Encoded: Self.golden))))
    let file = try fixture.open()
    #expect(
      file.tensors == [
        TensorDescription(name: "m", dataType: .f64, shape: [3, 2]),
        TensorDescription(name: "row", dataType: .f64, shape: [3]),
        TensorDescription(name: "h", dataType: .i16, shape: [3]),
        TensorDescription(name: "tied", dataType: .f64, shape: [3, 2]),
      ])
    #expect(try fixture.bytes(of: "m") == doubles([0, 3, 1, 4, 2, 5]))
    #expect(try fixture.bytes(of: "row") == doubles([3, 4, 5]))
    #expect(try fixture.bytes(of: "h") == [1, 0, 2, 0, 3, 0])
    #expect(file.sharing == [["m", "tied"]])
    #expect(file.plainConfiguration == ["epoch": .integer(3)])
  }

  private static let tensor = P.tensor("ByteStorage", key: "k", count: 4, shape: [4], strides: [1])
  private static let good = HandMadeLegacyFile(
    root: P.dictionary([("t", tensor)]), storages: [("k", 4, [1, 2, 3, 4])])

  private func expect(
    _ file: HandMadeLegacyFile, _ expected: String, _ found: String, at byte: Int,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let fixture = try TorchFixture(bytes: file.bytes)
    #expect(throws: fixture.pickleError(byte, expected, found), sourceLocation: sourceLocation) { try fixture.open() }
  }

  @Test("W34: five pickles of any protocol")
  func readsOtherProtocols() throws {
    var file = Self.good
    #expect(try TorchFixture(bytes: file.bytes).bytes(of: "t") == [1, 2, 3, 4])
    file.magic = [0x80, 4, 0x95, 13, 0, 0, 0, 0, 0, 0, 0] + file.magic.dropFirst(2)
    #expect(try TorchFixture(bytes: file.bytes).bytes(of: "t") == [1, 2, 3, 4])
    // Python 2 writes texts as strings.
    file.keys = P.file(Array("](U\u{1}ke".utf8))
    #expect(try TorchFixture(bytes: file.bytes).bytes(of: "t") == [1, 2, 3, 4])
    let nothing = try TorchFixture(bytes: HandMadeLegacyFile(root: P.dictionary([]), storages: []).bytes)
    #expect(throws: CheckpointError.self) { try nothing.open() }
  }

  @Test("W35: another protocol, another order of bytes, no list of keys")
  func refusesOtherHeads() throws {
    var file = Self.good
    file.version = P.file(P.integer(1002))
    try expect(file, "PyTorch's protocol 1001", "1002", at: 22)
    file = Self.good
    let systemEnd = { (file: HandMadeLegacyFile) in file.magic.count + file.version.count + file.system.count - 1 }
    file.system = P.file(P.dictionary([("little_endian", [0x89])]))
    try expect(file, "little_endian to be True", "False", at: systemEnd(file))
    file.system = P.file(P.dictionary([]))
    try expect(file, "little_endian to be True", "none", at: systemEnd(file))
    file.system = P.file(P.none)
    try expect(file, "little_endian to be True", "none", at: systemEnd(file))
    file = Self.good
    file.keys = P.file(P.text("k"))
    try expect(file, "a list of the storages' keys", "'k'", at: file.pickleByteCount - 1)
  }

  @Test("W36: storages that are unknown, repeated, cut off or of absurd lengths")
  func refusesWrongStorages() throws {
    func file(_ storages: [(key: String, count: Int, bytes: [UInt8])]) -> HandMadeLegacyFile {
      HandMadeLegacyFile(root: P.dictionary([("t", Self.tensor)]), storages: storages)
    }
    func expect(_ file: HandMadeLegacyFile, _ expected: String, _ found: String) throws {
      try self.expect(file, expected, found, at: file.pickleByteCount - 1)
    }
    let data: [UInt8] = [1, 2, 3, 4]
    try expect(file([("j", 4, data)]), "the key of a storage in use, of a known type", "'j'")
    try expect(file([("k", 4, data), ("k", 4, data)]), "each storage once", "'k'")
    for count in [-1, Int.min] {
      try expect(
        file([("k", count, data)]), "storage 'k' to have elements from 0, less than 2^63 bytes", "\(count)")
    }
    try expect(file([("k", .max, data)]), "storage 'k' to have elements from 0, less than 2^63 bytes", "\(Int.max)")

    for missing in 1...12 {
      let fixture = try TorchFixture(bytes: Array(Self.good.bytes.dropLast(missing)))
      let size = Self.good.bytes.count
      let expected = missing > 4 ? size - 4 : size
      let error = CheckpointError.fileSize(path: fixture.path, expected: expected, found: size - missing)
      #expect(throws: error) { try fixture.open() }
      #expect(error.hint != nil)
    }
    let short = try TorchFixture(bytes: file([("k", 3, [1, 2, 3])]).bytes)
    #expect(throws: short.tensorError("a storage within the 3 bytes of its data", "4 elements")) { try short.open() }
    let none = try TorchFixture(bytes: file([]).bytes)
    #expect(throws: none.tensorError("a storage 'k'", "none")) { try none.open() }
  }

  @Test("W36: storages of types that are not read are passed over")
  func skipsOtherStorages() throws {
    let optimizer = P.dictionary([
      ("a", P.storage(P.global("torch", "ComplexDoubleStorage"), key: "a", count: 1)),
      ("b", P.storage(P.global("torch", "QInt32Storage"), key: "b", count: 2)),
      ("c", P.storage(P.global("torch.storage", "UntypedStorage"), key: "c", count: 3)),
    ])
    let root = P.dictionary([("optimizer", optimizer), ("model", P.dictionary([("t", Self.tensor)]))])
    let storages = [
      ("a", 1, [UInt8](repeating: 9, count: 16)), ("b", 2, [UInt8](repeating: 9, count: 8)), ("c", 3, [9, 9, 9]),
      ("k", 4, [1, 2, 3, 4]),
    ]
    #expect(
      try TorchFixture(bytes: HandMadeLegacyFile(root: root, storages: storages).bytes).bytes(of: "t") == [1, 2, 3, 4])
  }

  @Test("W37: parts of storages, as before 0.4, and tensors without hooks")
  func readsParts() throws {
    func open(_ part: [UInt8], shape: [Int] = [2]) throws -> TorchFixture {
      let parts = [
        P.text("storage"), P.global("torch", "ShortStorage"), P.text("k"), P.text("cpu"), P.integer(6), part,
      ]
      let storage = P.tuple(parts) + Array("Q".utf8)
      let tensor = P.call(
        P.global("torch._utils", "_rebuild_tensor"), [storage, P.integer(1), P.integers(shape), P.integers([1])])
      let data = (0..<6).flatMap { [UInt8($0), 100] as [UInt8] }
      return try TorchFixture(
        bytes: HandMadeLegacyFile(root: P.dictionary([("t", tensor)]), storages: [("k", 6, data)]).bytes)
    }
    func part(_ offset: Int, _ count: Int) -> [UInt8] {
      P.tuple([P.text("v"), P.integer(offset), P.integer(count)])
    }
    #expect(try open(P.none).bytes(of: "t") == [1, 100, 2, 100])
    #expect(try open(part(2, 3)).bytes(of: "t") == [3, 100, 4, 100])
    let outside = try open(part(2, 3), shape: [3])
    #expect(throws: outside.tensorError("elements within a storage of 3", "sizes [3], strides [1], from 1")) {
      try outside.open()
    }
    for (offset, count, bytes) in [(7, 0, 12), (6, 1, 0), (0, 7, 12), (2, .max, 8), (.max, 1, 12)] {
      let fixture = try open(part(offset, count))
      let found = offset > 6 ? offset : count
      #expect(throws: fixture.tensorError("a storage within the \(bytes) bytes of its data", "\(found) elements")) {
        try fixture.open()
      }
    }
    for wrong in [part(-1, 1), part(0, -1), P.tuple([]), P.yes] {
      let fixture = try open(wrong)
      #expect(throws: CheckpointError.self) { try fixture.open() }
    }
  }

  @Test("W35: pickles that end early")
  func refusesCutPickles() throws {
    for length in 15..<Self.good.pickleByteCount {
      let fixture = try TorchFixture(bytes: Array(Self.good.bytes.prefix(length)))
      let error = #expect(throws: CheckpointError.self) { try fixture.open() }
      guard case .pickle = error else {
        Issue.record("\(length): \(String(describing: error))")
        return
      }
    }
  }

  @Test("W16: a pickle of many blocks")
  func readsLongPickles() throws {
    let note = P.text(String(repeating: "x", count: 300_000))
    let names = (0..<3_000).map { ("n\($0)", P.integer($0)) }
    let root = P.dictionary([
      ("note", note), ("names", P.dictionary(names)), ("model", P.dictionary([("t", Self.tensor)])),
    ])
    let fixture = try TorchFixture(bytes: HandMadeLegacyFile(root: root, storages: [("k", 4, [1, 2, 3, 4])]).bytes)
    #expect(try fixture.bytes(of: "t") == [1, 2, 3, 4])
    #expect(try fixture.open().plainConfiguration.count == 3_001)
  }
}
