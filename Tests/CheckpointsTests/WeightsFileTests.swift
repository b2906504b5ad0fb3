import Checkpoints
import Files
import TestSupport
import Testing

@Suite struct WeightsFileTests {
  private typealias P = HandMadePickle

  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func safetensors(_ name: String, _ byte: UInt8, note: String? = nil) -> [UInt8] {
    let metadata = note.map { #""__metadata__":{"format":"pt","note":"\#($0)"},"# } ?? ""
    return HandMadeFile(#"{\#(metadata)"\#(name)":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#, data: [byte])
      .bytes
  }

  private func torch(_ name: String, _ byte: UInt8) -> [UInt8] {
    let tensor = P.tensor("ByteStorage", count: 1, shape: [1], strides: [1])
    return HandMadeArchive(pickle: P.file(P.dictionary([(name, tensor)])), storages: [[byte]]).bytes
  }

  private func byte(_ name: String, _ file: WeightsFile) throws -> [UInt8] {
    try file.withBytes(of: name) { Array(copying: $0) }
  }

  @Test("W1: the content tells what a file is")
  func recognisesContent() throws {
    var file = try WeightsFile(path: try folder.add("a.pt", safetensors("x", 1, note: "n")))
    #expect(try byte("x", file) == [1])
    #expect(file.metadata == ["format": "pt", "note": "n"])
    #expect(file.sharing.isEmpty && file.plainConfiguration.isEmpty && file.filePaths == [file.path])
    file = try WeightsFile(path: try folder.add("b.safetensors", torch("x", 2)))
    #expect(try byte("x", file) == [2])
    #expect(file.description(of: "x") == TensorDescription(name: "x", dataType: .u8, shape: [1]))
    #expect(file.description(of: "y") == nil)
    #expect(throws: CheckpointError.missingTensor(path: file.path, name: "y")) { try byte("y", file) }
    #expect(file.metadata.isEmpty)
    file = try WeightsFile(path: try folder.add("c.bin", Array(" \n{\"weight_map\":{\"x\":\"b.safetensors\"}}".utf8)))
    #expect(try byte("x", file) == [2])
  }

  @Test("W1: a header whose length looks like another kind", arguments: [0x0280, 0x007B, 0x4B50])
  func isNotFooledByLengths(length: Int) throws {
    var text = #"{"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#
    text += String(repeating: " ", count: length - text.utf8.count)
    #expect(try byte("x", try WeightsFile(path: try folder.add("m", HandMadeFile(text, data: [5]).bytes))) == [5])
  }

  @Test("W8: kinds that are not read")
  func refusesOtherKinds() throws {
    let tar = [UInt8](repeating: 0x61, count: 257) + Array("ustar\u{0}00".utf8) + [UInt8](repeating: 0, count: 1000)
    let files: [([UInt8], FileKind)] = [
      ([0x80, 2, 0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46], .pickle), (tar, .tar), ([0x1F, 0x8B, 8], .gzip), ([], .empty),
      (Array("sys_info\u{0}".utf8) + tar.dropFirst(9), .torchTar), ([UInt8](repeating: 0, count: 64), .zeros),
      ([0x89] + Array("HDF\r\n\u{1A}\n".utf8), .hdf5), ([8, 7, 0x12, 7] + Array("pytorch".utf8), .onnx),
      ([8, 1, 0x12, 9, 0x0A], .tensorFlow), ([0x81, 0xA6] + Array("params".utf8) + [0x83], .messagePack),
    ]
    let texts: [(String, FileKind)] = [
      ("GGUF\u{3}\u{0}\u{0}\u{0}", .gguf), ("version https://git-lfs.github.com/spec/v1\n", .pointer),
      ("<!DOCTYPE html>\n", .webPage), ("hello world", .text), ("{\"a\": 1}\n{\"a\": 2}\n", .jsonLines),
      ("RNTOKENS", .tokenFile), ("{\"error\":\"Repository not found\"}", .serverError),
      ("Entry not found", .serverError), ("tjgg", .ggml), ("MZqFpD='", .llamafile),
    ]
    for (bytes, found) in files + texts.map({ (Array($0.utf8), $1) }) {
      let path = try folder.add("m", bytes)
      let error = CheckpointError.file(.unexpectedKind(path: path, expected: .weights, found: found))
      #expect(throws: error) { try WeightsFile(path: path) }
      #expect(error.description == "\(path): expected \(FileRole.weights.rawValue), found \(found.rawValue)")
      #expect(error.hint != nil)
    }
    for bytes in [[1], [0x80]] as [[UInt8]] {
      let path = try folder.add("m", bytes)
      #expect(throws: CheckpointError.self) { try WeightsFile(path: path) }
    }
  }

  @Test("C3, C18, W9, W36: downloads that stopped say so")
  func tellsWhatIsIncomplete() throws {
    let tensor = P.tensor("ByteStorage", count: 1, shape: [1], strides: [1])
    let legacy = HandMadeLegacyFile(root: P.dictionary([("x", tensor)]), storages: [("0", 1, [1])]).bytes
    for (bytes, kept) in [
      (safetensors("x", 1), [9, 40, safetensors("x", 1).count - 1]),
      (torch("x", 1), [4, 100, torch("x", 1).count - 1]),
      (legacy, [legacy.count - 9, legacy.count - 1]),
    ] {
      for count in kept {
        let path = try folder.add("m", Array(bytes.prefix(count)))
        let error = #expect(throws: CheckpointError.self) { try WeightsFile(path: path) }
        #expect(error?.hint?.contains("incomplete") ?? false, "\(String(describing: error))")
      }
    }
  }

  @Test("W2: the names in a folder, in their order")
  func looksIntoFolders() throws {
    #expect(throws: CheckpointError.noWeights(path: folder.path)) { try WeightsFile(path: folder.path) }
    var expected: [UInt8] = []
    for (index, name) in WeightsFile.folderNames.enumerated().reversed() {
      if name.hasSuffix(".json") {
        _ = try folder.add("shard\(index)", torch("x", UInt8(index)))
        _ = try folder.add(name, Array(#"{"weight_map":{"x":"shard\#(index)"}}"#.utf8))
      } else {
        _ = try folder.add(name, index % 2 == 0 ? safetensors("x", UInt8(index)) : torch("x", UInt8(index)))
      }
      expected = [UInt8(index)]
      for path in [folder.path, folder.path + "/"] {
        let file = try WeightsFile(path: path)
        #expect(try byte("x", file) == expected)
        #expect(file.path == folder.path + "/" + name)
      }
    }
    #expect(expected == [0])
    let missing = folder.path + "/none"
    #expect(throws: CheckpointError.file(.missing(path: missing))) { try WeightsFile(path: missing) }
  }

  @Test("W3, W5, W6: tensors from several files")
  func joinsShards() throws {
    _ = try folder.add("a", safetensors("x", 1, note: "one"))
    _ = try folder.add("b", safetensors("y", 2, note: "two"))
    _ = try folder.add("c", torch("z", 3))
    let index =
      #"{"metadata":{"total_size":-1e999,"more":[{"a":["]}",null]}]},"weight_map":{"z":"c","y":"b","x":"a"},"k":true}"#
    let file = try WeightsFile(path: try folder.add("i", Array(index.utf8)))
    #expect(file.tensors.map(\.name) == ["x", "y", "z"])
    #expect(try ["x", "y", "z"].map { try byte($0, file) } == [[1], [2], [3]])
    #expect(file.metadata == ["format": "pt"])
    #expect(file.filePaths == ["a", "b", "c"].map { "\(folder.path)/\($0)" })
  }

  @Test("W5: missing and additional tensors and files")
  func refusesOtherShards() throws {
    let shard = try folder.add("a", safetensors("x", 1))
    func open(_ map: String) throws -> WeightsFile {
      try WeightsFile(path: try folder.add("i", Array(#"{"weight_map":{\#(map)}}"#.utf8)))
    }
    #expect(throws: CheckpointError.missingTensor(path: shard, name: "y")) { try open(#""x":"a","y":"a""#) }
    let stranger = CheckpointError.tensor(
      path: shard, name: "x", expected: "the tensors of the index", found: "one more")
    #expect(throws: stranger) { try open(#""y":"a""#) }
    _ = try folder.add("b", safetensors("x", 1))
    #expect(throws: stranger) { try open(#""x":"b","y":"a""#) }
    let missing = CheckpointError.file(.missing(path: folder.path + "/c"))
    #expect(throws: missing) { try open(#""x":"c""#) }
    // An index that names itself or another index is no file of tensors.
    #expect(throws: CheckpointError.self) { try open(#""x":"i""#) }
    #expect(try open("").tensors.isEmpty)
  }

  @Test(
    "W4: names that lead elsewhere",
    arguments: ["../a", "/etc/passwd", "sub/a", #"sub\\a"#, "..", ".", "", #"a\u0000b"#, "a..b", #"\u002e\u002e/a"#])
  func refusesPaths(name: String) throws {
    _ = try folder.add("a", safetensors("x", 1))
    let path = try folder.add("i", Array(#"{"weight_map":{"x":"\#(name)"}}"#.utf8))
    let error = #expect(throws: CheckpointError.self) { try WeightsFile(path: path) }
    guard case .index(path, 19, "a plain file name", _) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test("W3: texts that are no index")
  func refusesWrongIndices() throws {
    for (text, byte, expected, found) in [
      (#"{"weight_map":[]}"#, 14, "an object of file names", "'[]}'"),
      (#"{"weight_map":{},"weight_map":{}}"#, 17, "each name once", "'weight_map' again"),
      (#"{"weight_map":{"x":"a","x":"b"}}"#, 23, "each name once", "'x' again"),
      (#"{"weight_map":{"x":1}}"#, 19, "a file name", "'1}}'"),
      (#"{"metadata":[1"#, 14, "a value", "the end of the index"),
      (#"{"metadata":]}"#, 12, "a value", "']}'"),
      (#"{"weight_map":{}} x"#, 18, "white space up to the end of the index", "'x'"),
    ] {
      let path = try folder.add("i", Array(text.utf8))
      #expect(throws: CheckpointError.index(path: path, byte: byte, expected: expected, found: found)) {
        try WeightsFile(path: path)
      }
    }
    let other = try folder.add("i", Array("{}".utf8))
    let error = FileError.unexpectedKind(path: other, expected: .weights, found: .json)
    #expect(throws: CheckpointError.file(error)) { try WeightsFile(path: other) }
    let nested = #"{"metadata":"# + String(repeating: "[", count: 5_000_000)
    let path = try folder.add("i", Array(nested.utf8))
    #expect(throws: CheckpointError.self) { try WeightsFile(path: path) }
  }

  @Test("W7: the configuration beside the weights")
  func readsTheConfiguration() throws {
    let path = try folder.add("model.pt", torch("x", 1))
    #expect(try WeightsFile(path: path).configurationText() == nil)
    let configuration = try folder.add("config.json", Array("{}".utf8))
    #expect(try WeightsFile(path: path).configurationText() == Array("{}".utf8))
    #expect(try WeightsFile(path: folder.path).configurationText() == Array("{}".utf8))
    let limit = WeightsFile.configurationByteLimit
    _ = try folder.add("config.json", [UInt8](repeating: 0x20, count: limit + 1))
    let error = CheckpointError.file(.tooLarge(path: configuration, byteLimit: limit))
    #expect(throws: error) { try WeightsFile(path: path).configurationText() }
  }
}
