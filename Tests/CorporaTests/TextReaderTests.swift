import Corpora
import Files
import TestSupport
import Testing

@Suite struct TextReaderTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @discardableResult
  private func read(_ bytes: [UInt8], blockLength: Int = 1 << 16, isChecked: Bool = true) throws -> [UInt8] {
    let source = try ByteSource(path: folder.replace("text", bytes), blockLength: blockLength)
    let reader = TextReader(source, isChecked: isChecked)
    var text: [UInt8] = []
    while let block = try reader.next() {
      #expect(!block.isEmpty && (!isChecked || String(validating: block, as: UTF8.self) != nil))
      text += block
    }
    return text
  }

  @Test func acceptsTextWithCharactersOnEveryBlockBorder() throws {
    for shift in 0..<4 {
      let text = [UInt8](repeating: 0x61, count: shift) + Array(String(repeating: "👧é▁", count: 100_000).utf8)
      #expect(try read(text) == text)
      let short = Array(text.prefix(9 * 1_000 + shift))
      #expect(try read(short, blockLength: 1) == short)
    }
  }

  @Test(arguments: [1, 5, 1 << 16])
  func refusesWhatIsNotText(_ blockLength: Int) throws {
    let path = folder.path + "/text"
    let long = Array(String(repeating: "nén👧\n", count: 2_000).utf8)
    func expect(_ error: CorpusError, _ bytes: [UInt8]) {
      #expect(throws: error) { try read(bytes, blockLength: blockLength) }
    }
    expect(.emptyText(path: path), [])
    expect(.emptyText(path: path), [0xEF, 0xBB, 0xBF])
    expect(.binaryText(path: path, offset: 3, line: 2), [0x61, 0x0A, 0x61, 0])
    expect(.invalidText(path: path, offset: long.count, line: 2_001), long + [0xE2, 0x82])
    expect(.invalidText(path: path, offset: long.count + 1, line: 2_001), long + [0x61, 0x80] + long)
    expect(.invalidText(path: path, offset: 0, line: 1), [UInt8](repeating: 0xFF, count: 3))
    expect(.invalidText(path: path, offset: 5, line: 2), [0xEF, 0xBB, 0xBF, 0x61, 0x0A, 0xED, 0xA0, 0x80, 0x0A])
  }

  @Test(arguments: [1, 2, 3, 1 << 16])
  func aByteOrderMarkAtTheStartIsNoText(_ blockLength: Int) throws {
    let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
    for isChecked in [true, false] {
      #expect(try read(mark + [0x61] + mark, blockLength: blockLength, isChecked: isChecked) == [0x61] + mark)
      #expect(try read(mark + mark, blockLength: blockLength, isChecked: isChecked) == mark)
    }
    #expect(try read([0xEF, 0xBB, 0x61], blockLength: blockLength, isChecked: false) == [0xEF, 0xBB, 0x61])
  }

  @Test func anyBytesPassUnchecked() throws {
    let bytes = (0..<70_000).map { UInt8(truncatingIfNeeded: $0 &* 7 + 0x61) }
    #expect(try read(bytes, isChecked: false) == bytes)
  }

  @Test(arguments: Compression.allCases)
  func placesCountTheDecompressedText(_ compression: Compression) throws {
    let text = Array(String(repeating: "nén\n", count: 50_000).utf8)
    #expect(try read(compression.compress(text)) == text)
    let error = CorpusError.invalidText(path: folder.path + "/text", offset: text.count + 1, line: 50_001)
    #expect(throws: error) { try read(compression.compress(text + [0x61, 0xFF])) }
  }
}
