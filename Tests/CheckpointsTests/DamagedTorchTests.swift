import Checkpoints
import Files
import TestSupport
import Testing

/// Files of PyTorch that are wrong at random: each is refused, or all its tensors can be read.
@Suite struct DamagedTorchTests {
  private typealias P = HandMadePickle

  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  // Reads a file in memory, and from a disk if that succeeds; returns whether it does.
  private func read(_ bytes: [UInt8], _ input: String) throws -> Bool {
    // A reader that copies a file many times over would take long on a large one.
    var copied = 0
    do {
      try withoutActuallyEscaping({ (range: Range<Int>) -> [UInt8] in
        copied += range.count
        return Array(bytes[range])
      }) { copy in
        let header = try TorchHeader(path: "m", fileByteCount: bytes.count, copyBytes: copy)
        #expect(header.sharing.joined().allSatisfy { header.indices[$0] != nil }, "\(input)")
        #expect(header.plainConfiguration.count <= bytes.count, "\(input)")
      }
    } catch let error as CheckpointError {
      #expect(error.description.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }, "\(input)")
      #expect(error.description.hasPrefix("m: ") && error.description.utf8.count < 2_000, "\(input)")
      #expect(copied <= 32 * bytes.count + 4096, "\(input)")
      return false
    }
    #expect(copied <= 32 * bytes.count + 4096, "\(input)")
    let file = try WeightsFile(path: try folder.replace("m", bytes))
    for tensor in file.tensors where tensor.byteCount <= 1 << 16 {
      let count = try file.withBytes(of: tensor.name) { $0.byteCount }
      #expect(count == tensor.byteCount && count == tensor.dataType.byteCount(ofShape: tensor.shape), "\(input)")
    }
    return true
  }

  private static let state = P.dictionary([
    ("embed", P.tensor(count: 12, shape: [3, 4], strides: [4, 1])),
    ("head", P.tensor(count: 12, shape: [3, 4], strides: [4, 1])),
    ("t", P.tensor("HalfStorage", key: "1", count: 8, offset: 1, shape: [2, 3], strides: [1, 2])),
    ("empty", P.tensor("LongStorage", key: "2", count: 0, shape: [0, 4], strides: [4, 1])),
    ("one", P.tensor("BoolStorage", key: "1", count: 16, offset: 15, shape: [], strides: [])),
  ])
  private static let root: [UInt8] = {
    let namespace = P.global("argparse", "Namespace") + P.tuple([]) + [0x81]
    return P.dictionary([
      ("model", state), ("args", namespace + P.dictionary([("heads", P.integer(4))]) + Array("b".utf8)),
      ("list", Array("]q\u{1}(h\u{1}NK\u{1}e".utf8)), ("rate", P.float(0.5)), ("net", state),
    ])
  }()
  private static let storages = [[UInt8](0..<48), [UInt8](0..<16), []]
  private static let archive = HandMadeArchive(pickle: P.file(root), storages: storages)
  private static let legacy = HandMadeLegacyFile(
    root: root, storages: [("0", 12, storages[0]), ("1", 8, storages[1]), ("2", 0, [])])

  // What `TorchWriter` makes.
  private func written() throws -> [UInt8] {
    let tensors = [
      TensorDescription(name: "w", dataType: .f32, shape: [2, 3]),
      TensorDescription(name: "b", dataType: .f64, shape: [3]),
    ]
    let layout = TorchLayout(root: ["cfg": ["layers": 2, "act": "gelu"], "model": .weights], aliases: ["head": "w"])
    try TorchWriter.write(to: folder.path + "/w", tensors: tensors, layout: layout) { tensor, emit in
      try [UInt8](repeating: 1, count: tensor.byteCount).withRawSpan(emit)
    }
    return try folder.contents(of: "w")
  }

  @Test("W28: damaged bytes")
  func survivesDamagedBytes() throws {
    var wide = Self.archive
    wide.hasWideRecord = true
    let originals = [Self.archive.bytes, wide.bytes, try written(), Self.legacy.bytes]
    fuzz("PyTorch file", inputs: 1_250) { damage, input in
      try read(damage.damaged(damage.pick(originals), with: damage.pick(originals)), input)
    }
  }

  @Test("W28: other instructions in whole files")
  func survivesOtherInstructions() throws {
    let original = PickleInstructions(P.file(Self.root))
    #expect(original.bytes == P.file(Self.root))
    fuzz("pickle", inputs: 1_250) { damage, input in
      var instructions = original
      instructions.mutate(&damage)
      var archive = HandMadeArchive(pickle: instructions.bytes, storages: Self.storages)
      if damage.once(in: 10) { archive["archive/data.pkl"].data.removeLast() }
      var legacy = Self.legacy
      legacy.pickle = instructions.bytes
      return try read(damage.once(in: 2) ? archive.bytes : legacy.bytes, input)
    }
  }

  @Test("W28: archives with other directories: repeated, overlapping, nested and endless entries")
  func survivesOtherDirectories() throws {
    let size = Self.archive.bytes.count
    fuzz("zip directory", inputs: 1_000) { damage, input in
      var archive = Self.archive
      archive.hasWideRecord = damage.once(in: 2)
      for _ in 0...damage.number(below: 2) {
        let place = damage.number(below: archive.entries.count)
        switch damage.number(below: 12) {
        case 0: archive.entries[place].claimedByteCount = damage.extreme(size)
        case 1: archive.entries[place].claimedStoredByteCount = damage.extreme(size)
        case 2: archive.entries[place].claimedHeadOffset = damage.extreme(size)
        case 3: archive.entries.append(archive.entries[place])
        case 4: archive.entries.insert(archive.entries[place], at: 0)
        case 5:
          archive.entries[place].name = damage.pick([
            "", "/", "/data.pkl", "a/data.pkl", "archive/data/0", "archive/data.pkl/data.pkl", "archive/code/x",
            "archive/byteorder", String(repeating: "n", count: 1025), "archive/../data/0",
          ])
        case 6:
          archive.entries[place].extra = (0..<damage.number(below: 30)).map { _ in UInt8(damage.number(below: 256)) }
        case 7: archive.claimedEntryCount = damage.extreme(archive.entries.count)
        case 8: archive.claimedDirectoryOffset = damage.extreme(size)
        case 9: archive.claimedDirectoryByteCount = damage.extreme(size)
        case 10: archive.comment = Array(archive.bytes.suffix(damage.number(below: 200)))
        default:
          // An entry within the data of another.
          let inner = HandMadeArchive(pickle: P.file(P.none)).bytes
          archive.entries[place].data += inner
          archive.entries[damage.number(below: archive.entries.count)].claimedHeadOffset = damage.number(below: size)
        }
      }
      return try read(archive.bytes, input)
    }
  }

  @Test("W28: old files with other keys and lengths")
  func survivesOtherStorages() throws {
    fuzz("PyTorch file before 1.6", inputs: 1_000) { damage, input in
      var file = Self.legacy
      for _ in 0...damage.number(below: 2) {
        let place = damage.number(below: file.storages.count)
        switch damage.number(below: 6) {
        case 0: file.storages[place].count = damage.extreme(file.storages[place].bytes.count)
        case 1: file.storages[place].bytes.removeLast(min(file.storages[place].bytes.count, damage.number(below: 3)))
        case 2: file.storages.swapAt(place, damage.number(below: file.storages.count))
        case 3: file.storages.append(file.storages[place])
        case 4:
          var keys = PickleInstructions(file.keys)
          keys.mutate(&damage)
          file.keys = keys.bytes
        default:
          var system = PickleInstructions(file.system)
          system.mutate(&damage)
          file.system = system.bytes
        }
      }
      return try read(file.bytes, input)
    }
  }

  @Test("W22, W23, W28: views of any offset, sizes and strides")
  func survivesOtherViews() throws {
    fuzz("views of storages", inputs: 1_000, accepted: 0.1...0.9) { damage, input in
      let (type, width) = damage.pick([
        ("ByteStorage", 1), ("HalfStorage", 2), ("FloatStorage", 4), ("DoubleStorage", 8),
      ])
      let elements = 48 / width
      func number() -> Int { damage.once(in: 12) ? damage.extreme(elements) : damage.number(below: 4) }
      let rank = damage.number(below: 4)
      let shape = (0..<rank).map { _ in number() }
      let strides = (0..<(damage.once(in: 20) ? rank + 1 : rank)).map { _ in number() }
      let offset = number()
      let claimed = damage.once(in: 12) ? damage.extreme(elements) : elements
      let tensor = P.tensor(type, count: claimed, offset: offset, shape: shape, strides: strides)
      let archive = HandMadeArchive(pickle: P.file(P.dictionary([("t", tensor)])), storages: [[UInt8](0..<48)])
      guard try read(archive.bytes, input) else { return false }
      // Element by element; sizes without elements may be of any length.
      let file = try WeightsFile(path: folder.path + "/m")
      guard let description = file.description(of: "t"), description.byteCount <= 1 << 12 else { return true }
      var places = description.byteCount == 0 ? [] : [offset]
      for (size, stride) in zip(shape, strides) where !places.isEmpty {
        places = places.flatMap { place in (0..<size).map { place &+ $0 &* stride } }
      }
      let expected = places.flatMap { place in (0..<width).map { UInt8(place * width + $0) } }
      #expect(try file.withBytes(of: "t") { Array(copying: $0) } == expected, "\(input)")
      return true
    }
  }
}
