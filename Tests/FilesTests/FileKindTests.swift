import Files
import TestSupport
import Testing

@Suite struct FileKindTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private static let tar = [UInt8](repeating: 0x61, count: 257) + Array("ustar".utf8) + [0, 0x30, 0x30]
  private static let unknownPiece: [UInt8] = [0x0A, 14, 0x0A, 5] + Array("<unk>".utf8) + [0x15, 0, 0, 0, 0, 0x18, 2]
  /// The number with which PyTorch's files before 1.6 begin.
  private static let torchNumber: [UInt8] = [0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19]
  /// 4,095 bytes and the first byte of a character that goes on.
  private static let cut = Array(String(repeating: "a", count: 4_095).utf8) + [0xC3]

  private static let torchTar = Array("sys_info".utf8) + [UInt8](repeating: 0, count: 249) + Array("ustar".utf8) + [0]
  /// 16 MiB in pieces of 1 MiB, of which none is there.
  private static let aria2: [UInt8] =
    [0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0] + [UInt8](repeating: 0, count: 12)
  /// A checkpoint's index; a SavedModel; a graph with one node; TensorFlow Lite.
  private static let tensorFlow: [[UInt8]] = [
    [0, 0, 6, 8, 1, 0x1A, 2, 8, 1, 0], [8, 1, 0x12, 0xD4, 0x8F, 3, 0x0A, 0x1D],
    [0x0A, 16, 0x0A, 1, 0x78, 0x12, 11] + Array("Placeholder".utf8), [0x1C, 0, 0, 0] + Array("TFL3".utf8),
  ]
  private static let onnx: [[UInt8]] = [
    [8, 7, 0x12, 7] + Array("pytorch".utf8) + [0x1A, 5], [8, 3, 0x3A, 0x80],
  ]
  private static let messagePack: [[UInt8]] = [
    [0x81, 0xA6] + Array("params".utf8) + [0x83], [0xDE, 0, 20, 0xA1, 0x61, 0xC7],
  ]
  private static let answers = [
    #"{"error":"Repository not found"}"#, #"{ "error" : {"code": 404} }"#, "Entry not found", "404: Not Found",
    "Invalid username or password.", #"{"message": "Not Found", "status": "404"}"#,
    "Access to model x/y is restricted. You must be authenticated to access it.",
  ]

  static let samples: [(bytes: [UInt8], kind: FileKind)] = [
    ([], .empty), ([2, 0, 0, 0, 0, 0, 0, 0] + Array("{}".utf8), .safetensors), (Array("PK\u{3}\u{4}".utf8), .zip),
    ([0x1F, 0x8B, 8, 0], .gzip), (Array("BZh9".utf8), .bzip2), ([0xFD] + Array("7zXZ\u{0}".utf8), .xz),
    ([0x28, 0xB5, 0x2F, 0xFD], .zstd), (tar, .tar), ([0x80, 2, 0x8A, 10], .pickle), (Array("GGUF".utf8), .gguf),
    (Array("version https://git-lfs.github.com/spec/v1\n".utf8), .pointer),
    (Array("\n<!DOCTYPE HTML>\n<p>".utf8), .webPage), (Array("<html lang=en>".utf8), .webPage),
    (Array("<h1> is no page".utf8), .text), (Array("{\"a\": [1,\n2]}\n".utf8), .json),
    (Array("[{\"a\":1}]".utf8), .json),
    (Array("{\n \"version\": \"1.0\",\n \"truncation\": null}".utf8), .tokenizerFile), (Array("{\n}\n".utf8), .json),
    (Array("{\"a\":1}\n{\"a\":2}\n".utf8), .jsonLines),
    (Array("{\"a\":1}\r\n\r\n{\"a\":2}".utf8), .jsonLines), ([0xEF, 0xBB, 0xBF] + Array("{\"a\":1}".utf8), .json),
    (Array("{curly} words".utf8), .text), (Array("[1] a footnote".utf8), .text), (unknownPiece, .tokenizer),
    (Array("RNTOKENS".utf8), .tokenFile), (Array("In the beginning\r\n\tthe end".utf8), .text), (cut, .text),
    (Array("1 2 3\n".utf8), .text), ([0xC3], .other), ([0, 1, 2], .other), (Array("a\u{0}b".utf8), .other),
    ([0x89] + Array("PNG\r\n".utf8), .image), ([0xFF, 0xD8, 0xFF, 0xE0], .image), (Array("GIF89a".utf8), .image),
    (Array("%PDF-1.7\n".utf8), .pdf), ([0x7F] + Array("ELF\u{2}".utf8), .program),
    ([0x93] + Array("NUMPY\u{1}".utf8), .numpy), ([0xFF, 0xFE, 0x41, 0, 0x42, 0], .utf16),
    ([0xFE, 0xFF, 0, 0x41], .utf16), ([0xFF, 0xFE, 0], .other),
    (Array("Le caf".utf8) + [0xE9] + Array(" est ferm\u{9}".utf8) + [0xE9], .otherText), ([0x80], .other),
    ([0xD8, 0x0B, 0, 0, 0], .other), ([0x80, 2] + torchNumber, .legacyTorch),
    ([0x80, 4, 0x95, 13, 0, 0, 0, 0, 0, 0, 0] + torchNumber, .legacyTorch), ([0x80, 1] + torchNumber, .other),
    (torchTar, .torchTar), (aria2, .unfinished), ([UInt8](repeating: 0, count: 4096), .zeros),
    (Array("lmgg".utf8) + [1, 0, 0, 0], .ggml), (Array("tjgg".utf8) + [3, 0, 0, 0], .ggml),
    (Array("MZqFpD='\n".utf8), .llamafile), ([0x89] + Array("HDF\r\n\u{1A}\n".utf8), .hdf5),
    (tensorFlow[0], .tensorFlow), (tensorFlow[1], .tensorFlow), (tensorFlow[2], .tensorFlow),
    (tensorFlow[3], .tensorFlow), (onnx[0], .onnx), (onnx[1], .onnx), (messagePack[0], .messagePack),
    (messagePack[1], .messagePack), (Array("<?xml version=\"1.0\"?><Error><Code>AccessDenied".utf8), .webPage),
    (Array("{\"errors\": 1}".utf8), .json), (Array("{\"error\": 1}\n{\"error\": 2}\n".utf8), .jsonLines),
    (Array("Not found was the key. \(String(repeating: "x", count: 200))".utf8), .text),
    (Array("{\"error\":\"\(String(repeating: "x", count: 2000))\"}".utf8), .json),
    ([0x81, 0xA6] + Array("params!".utf8), .other), ([8, 7, 0x12, 200, 1], .other), ([8, 1, 0x12, 0xFF], .other),
    ([0x0A, 16, 0x0A, 1, 0x78, 0x12, 11] + Array("placeholder".utf8), .other), ([0, 1, 0, 0, 0, 0], .other),
  ]

  @Test func firstBytesTellTheKind() throws {
    for (index, sample) in Self.samples.enumerated() {
      #expect(FileKind(beginning: sample.bytes) == sample.kind, "\(index): \(sample.kind)")
      #expect(FileKind(path: try folder.add("f", sample.bytes)) == sample.kind)
    }
    #expect(FileKind(path: folder.path) == nil && FileKind(path: folder.path + "/none") == nil)
  }

  @Test(arguments: answers)
  func aServersAnswerIsNoFile(answer: String) {
    for text in [answer, answer + "\n"] { #expect(FileKind(beginning: Array(text.utf8)) == .serverError) }
  }

  @Test func everyRoleTakesItsOwnAndRefusesOthers() throws {
    for sample in Self.samples {
      let path = try folder.add("f", sample.bytes)
      for role in FileRole.allCases {
        let found: FileKind?
        do {
          try role.check(path)
          try role.check(MappedFile(path: path))
          found = nil
        } catch FileError.unexpectedKind(_, let expected, let kind) {
          #expect(expected == role)
          found = kind
        }
        #expect(found == nil || found == sample.kind && sample.kind != .other)
        // Whoever is refused something that is compressed, or stands for something else, is told what to do.
        let telling: [FileKind] = [
          .gzip, .bzip2, .xz, .zstd, .tar, .pointer, .webPage, .serverError, .unfinished, .zeros, .empty,
        ]
        if let found, telling.contains(found) {
          #expect(FileError.unexpectedKind(path: path, expected: role, found: found).hint != nil)
        }
      }
    }
  }

  /// What is damaged is of some kind, and of the same one by path: whoever reads it finds the rest.
  @Test func damagedFilesHaveAKind() {
    let samples = Self.samples.map(\.bytes)
    fuzz("kind of a file", inputs: 1_300, accepted: 0.1...0.95) { damage, input in
      let bytes = damage.damaged(damage.pick(samples), with: damage.pick(samples))
      let kind = FileKind(beginning: Array(bytes.prefix(FileKind.beginningByteCount)))
      let path = try folder.replace("f", bytes)
      #expect(FileKind(path: path) == kind, "\(input)")
      for role in FileRole.allCases {
        do throws(FileError) { try role.check(path) } catch {
          #expect(error == .unexpectedKind(path: path, expected: role, found: kind), "\(input)")
        }
      }
      return kind != .other
    }
  }

  @Test func pathsInHintsCanBePasted() {
    let error = FileError.unexpectedKind(path: "it's a model.gz", expected: .model, found: .gzip)
    #expect(error.hint == #"decompress it first: gunzip 'it'\''s a model.gz'"#)
    #expect(
      FileError.unexpectedKind(path: "a.gz", expected: .text, found: .gzip).hint == "decompress it first: gunzip a.gz")
  }
}
