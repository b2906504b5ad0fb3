import Checkpoints
import Testing

@Suite struct TorchTensorTests {
  private typealias P = HandMadePickle

  // 2 × 3 × 4 elements of two bytes: element n is n, n + 100.
  private static let storage = (0..<24).flatMap { [UInt8($0), UInt8($0 + 100)] }

  private func pairs(_ elements: [Int]) -> [UInt8] { elements.flatMap { [UInt8($0), UInt8($0 + 100)] } }

  private func gather(offset: Int = 0, shape: [Int], strides: [Int]) throws -> [UInt8] {
    let tensor = P.tensor("ShortStorage", count: 24, offset: offset, shape: shape, strides: strides)
    let fixture = try TorchFixture(tensor: tensor, storages: [Self.storage])
    #expect(try fixture.open().tensors == [TensorDescription(name: "t", dataType: .i16, shape: shape)])
    return try fixture.bytes(of: "t")
  }

  @Test("W24: contiguous, transposed, sliced, stepped, repeated, single and empty")
  func gathersRowMajor() throws {
    #expect(try gather(shape: [2, 3, 4], strides: [12, 4, 1]) == Self.storage)
    #expect(try gather(offset: 12, shape: [3, 4], strides: [4, 1]) == pairs(Array(12..<24)))
    #expect(try gather(shape: [4, 3], strides: [1, 4]) == pairs([0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]))
    #expect(try gather(offset: 1, shape: [2, 2, 2], strides: [12, 4, 2]) == pairs([1, 3, 5, 7, 13, 15, 17, 19]))
    #expect(try gather(offset: 5, shape: [2, 3], strides: [0, 1]) == pairs([5, 6, 7, 5, 6, 7]))
    #expect(try gather(offset: 23, shape: [], strides: []) == pairs([23]))
    #expect(try gather(offset: 7, shape: [1, 1], strides: [.max, .max]) == pairs([7]))
    #expect(try gather(shape: [2, 1, 3], strides: [3, .max, 1]) == pairs(Array(0..<6)))
    #expect(try gather(offset: 1, shape: [2, 1, 2], strides: [1, .max, 2]) == pairs([1, 3, 2, 4]))
    #expect(try gather(shape: [0, 5], strides: [5, 1]).isEmpty)
    #expect(try gather(offset: 1 << 40, shape: [3, 0], strides: [1 << 62, 1 << 62]).isEmpty)
  }

  @Test("W24: every shape and order of axes up to 2 × 3 × 2 equals indexing")
  func gathersEveryPermutation() throws {
    let strides = [12, 4, 1]
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
      for code in 0..<12 {
        let shape = [1 + code % 2, 1 + code / 2 % 3, 1 + code / 6]
        var expected: [Int] = []
        let (sizes, steps) = (order.map { shape[$0] }, order.map { strides[$0] })
        for i in 0..<sizes[0] {
          for j in 0..<sizes[1] {
            for k in 0..<sizes[2] { expected.append(i * steps[0] + j * steps[1] + k * steps[2]) }
          }
        }
        #expect(try gather(shape: sizes, strides: steps) == pairs(expected))
      }
    }
  }

  @Test("W24: elements of eight bytes", arguments: ["DoubleStorage", "LongStorage", "ComplexFloatStorage"])
  func gathersWideElements(storage: String) throws {
    let bytes = (0..<12).flatMap { element in (0..<8).map { UInt8(8 * element + $0) } }
    func gather(offset: Int, shape: [Int], strides: [Int]) throws -> [UInt8] {
      let tensor = P.tensor(storage, count: 12, offset: offset, shape: shape, strides: strides)
      return try TorchFixture(tensor: tensor, storages: [bytes]).bytes(of: "t")
    }
    func wide(_ elements: [Int]) -> [UInt8] { elements.flatMap { bytes[8 * $0..<8 * $0 + 8] } }
    #expect(try gather(offset: 0, shape: [3, 4], strides: [4, 1]) == bytes)
    #expect(try gather(offset: 5, shape: [7], strides: [1]) == wide(Array(5..<12)))
    #expect(try gather(offset: 0, shape: [4, 3], strides: [1, 4]) == wide([0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]))
    #expect(try gather(offset: 1, shape: [2, 2], strides: [6, 2]) == wide([1, 3, 7, 9]))
    #expect(try gather(offset: 11, shape: [2, 1], strides: [0, 1]) == wide([11, 11]))
    for (offset, shape, strides) in [(0, [13], [1]), (6, [7], [1]), (0, [2, 7], [6, 1]), (12, [], [])] {
      #expect(throws: CheckpointError.self) { try gather(offset: offset, shape: shape, strides: strides) }
    }
  }

  @Test(
    "W20: the class of the storage is the type",
    arguments: [
      ("FloatStorage", DataType.f32), ("DoubleStorage", .f64), ("HalfStorage", .f16), ("BFloat16Storage", .bf16),
      ("LongStorage", .i64), ("IntStorage", .i32), ("ShortStorage", .i16), ("CharStorage", .i8), ("ByteStorage", .u8),
      ("BoolStorage", .bool), ("ComplexFloatStorage", .c64),
    ])
  func knowsTypes(storage: String, type: DataType) throws {
    let bytes = [UInt8](0..<UInt8(type.bitCount / 8 * 3))
    let fixture = try TorchFixture(tensor: P.tensor(storage, count: 3, shape: [3], strides: [1]), storages: [bytes])
    #expect(try fixture.open().description(of: "t") == TensorDescription(name: "t", dataType: type, shape: [3]))
    #expect(try fixture.bytes(of: "t") == bytes)
  }

  @Test("W20: an untyped storage with a type of its own")
  func readsTheThirdForm() throws {
    func tensor(_ type: String, count: Int = 8, metadata: [[UInt8]] = []) -> [UInt8] {
      let storage = P.storage(P.global("torch.storage", "UntypedStorage"), key: "0", count: count)
      let parts = [storage, P.integer(1), P.integers([3]), P.integers([1]), [0x89], P.orderedDictionary]
      return P.call(P.global("torch._utils", "_rebuild_tensor_v3"), parts + [P.global("torch", type)] + metadata)
    }
    var fixture = try TorchFixture(tensor: tensor("uint16"), storages: [[UInt8](0..<8)])
    #expect(try fixture.open().description(of: "t")?.dataType == .u16)
    #expect(try fixture.bytes(of: "t") == [2, 3, 4, 5, 6, 7])
    fixture = try TorchFixture(
      tensor: tensor("float8_e4m3fn", metadata: [P.dictionary([])]), storages: [[UInt8](0..<8)])
    #expect(try fixture.open().description(of: "t")?.dataType == .f8E4M3)
    #expect(try fixture.bytes(of: "t") == [1, 2, 3])
    fixture = try TorchFixture(tensor: tensor("complex128"), storages: [[UInt8](0..<8)])
    #expect(throws: fixture.tensorError("a known dtype", "'torch.complex128'")) { try fixture.open() }
    fixture = try TorchFixture(tensor: tensor("int32"), storages: [[UInt8](0..<8)])
    #expect(throws: fixture.tensorError("elements within a storage of 2", "sizes [3], strides [1], from 1")) {
      try fixture.open()
    }
  }

  @Test("W19: parameters, and tensors of other kinds")
  func readsParametersOnly() throws {
    let tensor = P.tensor("ByteStorage", count: 2, shape: [2], strides: [1])
    func rebuilt(_ name: String, _ arguments: [[UInt8]]) throws -> TorchFixture {
      try TorchFixture(tensor: P.call(P.global("torch._utils", name), arguments), storages: [[8, 9]])
    }
    #expect(try rebuilt("_rebuild_parameter", [tensor, P.yes, P.orderedDictionary]).bytes(of: "t") == [8, 9])
    for (name, arguments) in [
      ("_rebuild_sparse_tensor", [tensor]), ("_rebuild_tensor_v2", [tensor]), ("_rebuild_tensor_v3", []),
    ] {
      let fixture = try rebuilt(name, arguments)
      #expect(throws: fixture.tensorError("a dense tensor", "an object made by 'torch._utils.\(name)'")) {
        try fixture.open()
      }
    }
    let empty = try rebuilt("_rebuild_parameter", [])
    #expect(throws: empty.tensorError("a parameter with a tensor", "none")) { try empty.open() }
    let nested = try rebuilt("_rebuild_parameter", [P.call(P.global("torch._utils", "_rebuild_parameter"), [tensor])])
    #expect(throws: CheckpointError.self) { try nested.open() }
  }

  @Test("W21, W22: storages and views that claim more than there is")
  func refusesWhatLiesOutside() throws {
    func expect(_ tensor: [UInt8], _ expected: String, _ found: String) throws {
      let fixture = try TorchFixture(tensor: tensor, storages: [[UInt8](repeating: 0, count: 16)])
      #expect(throws: fixture.tensorError(expected, found)) { try fixture.open() }
    }
    func tensor(_ shape: [Int], _ strides: [Int], offset: Int = 0) -> [UInt8] {
      P.tensor(count: 4, offset: offset, shape: shape, strides: strides)
    }
    try expect(P.tensor(count: 5, shape: [1], strides: [1]), "a storage within the 16 bytes of its data", "5 elements")
    try expect(
      P.tensor(count: .max, shape: [1], strides: [1]), "a storage within the 16 bytes of its data",
      "\(Int.max) elements")
    try expect(P.tensor(count: -1, shape: [1], strides: [1]), "a storage", "a storage")
    try expect(P.tensor(key: "7", count: 1, shape: [1], strides: [1]), "an entry 'archive/data/7'", "none")
    try expect(P.tensor("QInt8Storage", count: 1, shape: [1], strides: [1]), "a known storage", "'torch.QInt8Storage'")
    for (shape, strides, offset) in [
      ([5], [1], 0), ([4], [1], 1), ([2, 2], [3, 1], 0), ([], [], 4), ([2], [.max], 1), ([2, 2], [.max, .max], 0),
      ([1], [1], .max), ([3], [.max], 0),
    ] {
      let found = "sizes \(shape), strides \(strides), from \(offset)"
      try expect(tensor(shape, strides, offset: offset), "elements within a storage of 4", found)
    }
    for (shape, strides, offset) in [([-1], [1], 0), ([2], [-1], 3), ([2], [1], -1), ([1 << 40, 1 << 40], [0, 0], 0)] {
      let expected = "an offset, sizes and strides from 0, less than 2^63 bits"
      try expect(tensor(shape, strides, offset: offset), expected, "\(offset), \(shape), \(strides)")
    }
    try expect(tensor([2], []), "a stride for each of at most 64 sizes", "0 for 1")
    let ones = [Int](repeating: 1, count: 65)
    try expect(tensor(ones, ones), "a stride for each of at most 64 sizes", "65 for 65")
  }

  @Test("W23: a few bytes cannot become many")
  func limitsRepetition() throws {
    func fixture(_ count: Int) throws -> TorchFixture {
      try TorchFixture(tensor: P.tensor(count: 1, shape: [count], strides: [0]), storages: [[1, 2, 3, 4]])
    }
    #expect(try fixture(1000).bytes(of: "t").count == 4000)
    let large = try fixture((1 << 25) + 1)
    #expect(throws: large.tensorError("at most 134217728 bytes of repeated elements", "134217732")) { try large.open() }
    #expect(try fixture(1 << 25).open().tensors.count == 1)
  }

  @Test("W25: numbers that are not what is stored")
  func refusesLazyViews() throws {
    for key in ["conj", "neg"] {
      let metadata = P.dictionary([(key, P.yes)])
      let tensor = P.tensor(count: 1, shape: [1], strides: [1], metadata: [metadata])
      let fixture = try TorchFixture(tensor: tensor, storages: [[0, 0, 0, 0]])
      #expect(throws: fixture.tensorError("numbers as stored", "a view that changes them ('\(key)')")) {
        try fixture.open()
      }
    }
  }

  @Test("W26: the names of one view are a group, other views of its storage are not")
  func findsSharedNames() throws {
    let table = P.tensor(count: 6, shape: [2, 3], strides: [3, 1])
    let root = P.dictionary([
      ("embed", table), ("row", P.tensor(count: 6, shape: [3], strides: [1])), ("head", table),
      ("transposed", P.tensor(count: 6, shape: [3, 2], strides: [1, 3])),
      ("copy", P.tensor(key: "1", count: 6, shape: [2, 3], strides: [3, 1])), ("third", table),
    ])
    let bytes = [UInt8](0..<24)
    let file = try TorchFixture(root: root, storages: [bytes, bytes]).open()
    #expect(file.sharing == [["embed", "head", "third"]])
    #expect(file.tensors.map(\.name) == ["embed", "row", "head", "transposed", "copy", "third"])
  }
}
