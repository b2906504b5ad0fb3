import Corpora
import Files
import Foundation
import TestSupport
import Testing

@Suite struct CorpusTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func add(_ name: String, _ text: String) throws { _ = try folder.add(name, Array(text.utf8)) }

  /// What a corpus gave.
  private struct Reading {
    var documents: [String] = []
    var errors: [String] = []
    var files = 0
    var records = 0
  }

  private func read(
    _ names: [String], _ rule: DocumentRule = .file, pattern: String? = nil, errors: Corpus.ErrorRule = .stop
  ) throws -> Reading {
    var options = Corpus.Options()
    (options.rule, options.pattern, options.errors) = (rule, pattern, errors)
    var reading = Reading()
    let corpus = try Corpus(names.map { folder.path + "/" + $0 }, options) { reading.errors.append("\($0)") }
    var (open, last): ([UInt8], Int) = ([], 0)
    try corpus.forEachPiece { bytes, isEnd, name in
      #expect(corpus.paths.contains(name) && corpus.position >= last)
      last = corpus.position
      open += bytes.indices.map { bytes[$0] }
      guard isEnd else { return }
      reading.documents.append(String(decoding: open, as: UTF8.self))
      open = []
    }
    #expect(corpus.position <= corpus.byteCount ?? 0)
    (reading.files, reading.records) = (corpus.skippedFiles, corpus.skippedRecords)
    reading.errors = reading.errors.map { $0.replacing(folder.path + "/", with: "") }
    return reading
  }

  private func makeBadFiles() throws {
    try FileManager.default.createDirectory(atPath: folder.path + "/in", withIntermediateDirectories: false)
    try add("in/a.txt", "first")
    _ = try folder.add("in/b.txt", Array("second".utf8) + [0xFF])
    let archive = Compression.gzip.compress(Array(String(repeating: "third", count: 100).utf8))
    _ = try folder.add("in/c.gz", archive.dropLast(1) + [archive[archive.count - 1] ^ 1])
    _ = try folder.add("in/d.zst", Compression.zstd.compress(Array("fourth".utf8)))
    try add("in/e.txt", "")
    try add("in/f.txt", "zero\u{0}")
    try #require(unsafe symlink("none", folder.path + "/in/g.txt") == 0)
  }

  @Test func filesAndFoldersComeInTheirOrder() throws {
    try FileManager.default.createDirectory(atPath: folder.path + "/in", withIntermediateDirectories: false)
    for name in ["z", "in/b.txt", "in/a.txt", "in/c.md"] { try add(name, name) }
    #expect(try read(["z", "in", "in/a.txt"]).documents == ["z", "in/a.txt", "in/b.txt", "in/c.md", "in/a.txt"])
    // A file that is named needs no fitting name.
    #expect(try read(["z", "in"], pattern: "*.txt").documents == ["z", "in/a.txt", "in/b.txt"])
    #expect(throws: FileError.noFiles(folder: folder.path + "/in", pattern: "*.json")) {
      try read(["in"], pattern: "*.json")
    }
  }

  @Test func nothingComesOfBadFilesThatAreSkipped() throws {
    try makeBadFiles()
    let reading = try read(["in"], errors: .skip)
    #expect(reading.documents == ["first", "fourth"])
    #expect(reading.files == 4 && reading.records == 0)
    #expect(
      reading.errors.map { String($0.prefix(while: { $0 != ":" })) }
        == ["in/g.txt", "in/b.txt", "in/c.gz", "in/f.txt"])
    #expect(reading.errors[2].contains("compressed byte offset"))
  }

  @Test func theFirstBadFileStops() throws {
    try makeBadFiles()
    #expect(throws: FileError.missing(path: folder.path + "/in/g.txt")) { try read(["in"]) }
    try FileManager.default.removeItem(atPath: folder.path + "/in/g.txt")
    #expect(throws: CorpusError.invalidText(path: folder.path + "/in/b.txt", offset: 6, line: 1)) { try read(["in"]) }
    // An empty file is an error only where it is named.
    #expect(throws: CorpusError.emptyText(path: folder.path + "/in/e.txt")) { try read(["in/e.txt"]) }
    #expect(try read(["in"], pattern: "[ade]*").documents == ["first", "fourth"])
  }

  @Test func badLinesOfJSONAreSkippedAlone() throws {
    try add("a.jsonl", "{\"text\": \"a\"}\n{\"txt\": \"b\"}\n[]\n{\"text\": \"c\"}\n")
    let reading = try read(["a.jsonl"], .jsonLines(field: "text"), errors: .skip)
    #expect(reading.documents == ["a", "c"] && reading.files == 0 && reading.records == 2)
    #expect(throws: CorpusError.self) { try read(["a.jsonl"], .jsonLines(field: "text")) }
  }

  @Test(arguments: [Corpus.ErrorRule.skip, .stop])
  func aCorpusWithoutDocumentsIsAnError(_ errors: Corpus.ErrorRule) throws {
    try add("a", "\n\n")
    #expect(throws: CorpusError.noDocuments(path: folder.path + "/a")) { try read(["a"], .line, errors: errors) }
  }

  @Test func errorsOfTheReaderOfDocumentsAreNeverSkipped() throws {
    struct DiskFull: Error {}
    try add("a", "text")
    var options = Corpus.Options()
    options.errors = .skip
    let corpus = try Corpus([folder.path + "/a"], options) { _ in }
    #expect(throws: DiskFull.self) { try corpus.forEachPiece { _, _, _ in throw DiskFull() } }
  }
}
