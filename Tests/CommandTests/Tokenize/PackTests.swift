import Corpora
import Foundation
import TestSupport
import Testing

extension CommandRuns {
  /// `tokenize pack` on several threads, without duplicates, in another order, in two files.
  @Suite struct PackTests {
    private let workspace: Workspace

    init() throws { workspace = try Workspace() }

    /// Lines of text that normalisers and decoders get wrong.
    private static let hostile = [
      "👩‍👩‍👧 family", "e\u{301}\u{327}", "\u{202E}ab\u{202C} שלום", "\u{2581}x\u{2581}\u{2581}", "\u{FFFD}", "a\rb",
      "  two  ",
      "<s></s><unk>", "\t", "ﷺ",
    ]

    private func pack(_ line: String, sourceLocation: SourceLocation = #_sourceLocation) throws -> Data {
      _ = try workspace.result(
        "tokenize pack -m tokenizer.model --verify \(line) -o new", sourceLocation: sourceLocation)
      return try workspace.bytes("new")
    }

    private func open(_ name: String) throws -> TokenFile {
      try TokenFile(path: workspace.folder.appendingPathComponent(name).path)
    }

    /// The ids of each document, with EOS.
    private func documents(_ name: String = "new") throws -> [[Int32]] {
      let file = try open(name)
      return try (0..<file.documentCount).map { index in
        var ids: [Int32] = []
        try file.forEachPiece(ofDocument: index) { piece, _ in ids += piece }
        return ids
      }
    }

    @Test func theNumberOfThreadsChangesNothing() throws {
      var random = SeededGenerator(seed: 6)
      let words = Self.hostile + TinyProject.text.split(separator: " ").map(String.init)
      // One line is longer than what is encoded at a time, and the first document is longer than a chunk.
      var lines = (0..<9_000).map { _ in
        (0..<Int.random(in: 0...12, using: &random)).map { _ in words.randomElement(using: &random) ?? "" }
          .joined(separator: " ")
      }
      lines[4_000] = String(repeating: "light and day ", count: 20_000)
      for index in 0..<3_000 where lines[index].isEmpty { lines[index] = "x" }
      try workspace.write(lines.joined(separator: "\n"), "long.txt")
      for documents in ["file", "line"] {
        let expected = try pack("--input long.txt --documents \(documents) --threads 1")
        #expect(try pack("--input long.txt --documents \(documents) --threads 3") == expected)
      }
      // The ids are those of the whole text.
      let encoded = try workspace.result("tokenize encode -m tokenizer.model long.txt")
      _ = try pack("--input long.txt")
      let whole = try documents()[0].dropLast()
      #expect(whole.count > 9_000)
      #expect(whole.elementsEqual(encoded.split { " \n".contains($0) }.compactMap { Int32($0) }))
    }

    @Test func aMillionDocumentsOfAByte() throws {
      try workspace.write(String(repeating: "a\n", count: 1_000_000), "bytes.txt")
      _ = try pack("--input bytes.txt --documents line")
      let file = try open("new")
      #expect(file.documentCount == 1_000_000)
      #expect(try file.documentBytes(999_999) == 1)
      _ = try pack("--input bytes.txt --documents line --dedup exact")
      #expect(try open("new").documentCount == 1)
    }

    @Test func documentsThatWereSeenAreDropped() throws {
      let lines = Self.hostile + ["day", "light", "day", "day "] + Self.hostile + ["night", "day"]
      try workspace.write(lines.joined(separator: "\n"), "twice.txt")
      try workspace.write((Self.hostile + ["day", "light", "day ", "night"]).joined(separator: "\n"), "once.txt")
      let expected = try pack("--input once.txt --documents line")
      #expect(try pack("--input twice.txt --documents line --dedup exact") == expected)
      let run = try workspace.run(
        "tokenize pack -m tokenizer.model --input twice.txt once.txt --documents line --dedup exact -o new")
      #expect(run.talk.contains("dropped 26 documents whose text was seen before"), "\(run.talk)")
      #expect(try workspace.bytes("new") == expected)
      #expect(try workspace.run("tokenize pack -m tokenizer.model --input once.txt --dedup near -o new").status == 64)
    }

    @Test func aLongDuplicateIsDroppedAtItsEnd() throws {
      // What is encoded at a time is 4 MiB, so the document is in the draft before it ends.
      let long = String(repeating: "light and day\n", count: 400_000)
      try workspace.write(long, "a.txt")
      try workspace.write(long, "b.txt")
      try workspace.write(long + "x", "c.txt")
      let expected = try pack("--input a.txt c.txt")
      #expect(try pack("--input a.txt b.txt c.txt a.txt --dedup exact") == expected)
      let names = try FileManager.default.contentsOfDirectory(atPath: workspace.folder.path)
      #expect(!names.contains { $0.contains("draft") }, "\(names)")
    }

    @Test func shuffledDocumentsAreTheSameDocuments() throws {
      try workspace.write((1...200).map { "day \($0)" }.joined(separator: "\n"), "days.txt")
      let plain = try pack("--input days.txt --documents line")
      try workspace.write(plain, "plain")
      let first = try pack("--input days.txt --documents line --shuffle --threads 1")
      try workspace.write(first, "first")
      #expect(try pack("--input days.txt --documents line --shuffle --seed 0 --threads 2") == first)
      #expect(try pack("--input days.txt --documents line --shuffle --seed 1") != first)
      let (inOrder, shuffled) = (try documents("plain"), try documents("first"))
      #expect(inOrder != shuffled && Set(inOrder) == Set(shuffled))
      #expect(try workspace.json("info first --json --check")["documents"] as? Int == 200)
    }

    @Test func aMaskIsShuffledWithItsDocument() throws {
      let lines = (1...50).map { #"{"q": "light \#($0) ", "a": "\#(String(repeating: "day", count: $0 % 5 + 1))"}"# }
      try workspace.write(lines.joined(separator: "\n"), "qa.jsonl")
      let line = "--input qa.jsonl --prompt-field q --completion-field a"
      try workspace.write(try pack(line), "plain")
      try workspace.write(try pack("\(line) --shuffle"), "shuffled")
      let keys = ["tokens", "scored_tokens", "documents"]
      let (plain, shuffled) = (
        try workspace.json("info plain --json --check"), try workspace.json("info shuffled --json --check")
      )
      for key in keys { #expect(plain[key] as? Int == shuffled[key] as? Int && plain[key] != nil, "\(key)") }
      func loss(_ name: String) throws -> Double {
        try #require(try workspace.json("eval -m model.safetensors \(name) --json")["loss"] as? Double)
      }
      #expect(abs(try loss("plain") - loss("shuffled")) < 1e-5)
    }

    @Test func theSeedChoosesTheHeldOutDocuments() throws {
      try workspace.write((1...1_000).map { "day \($0)" }.joined(separator: "\n"), "days.txt")
      func split(_ flags: String) throws -> (training: [[Int32]], heldOut: [[Int32]]) {
        _ = try pack("--input days.txt --documents line --validation-output held --validation-fraction 0.05 \(flags)")
        return (try documents(), try documents("held"))
      }
      let (first, second) = (try split(""), try split("--seed 1"))
      #expect(first.heldOut.count == 50 && second.heldOut.count == 50)
      #expect(first.training.count == 950 && Set(first.training + first.heldOut).count == 1_000)
      #expect(first.heldOut != second.heldOut)
      let shuffled = try split("--shuffle --dedup exact --threads 1")
      #expect(Set(shuffled.heldOut) == Set(first.heldOut) && shuffled.training != first.training)
    }

    @Test func standardOutputTakesAShuffledFile() throws {
      try workspace.write("day\nlight\nnight", "days.txt")
      let expected = try pack("--input days.txt --documents line --shuffle")
      let running = try RunningBinary(
        "tokenize pack -m tokenizer.model --input days.txt --documents line --shuffle -o - >piped", in: workspace.folder
      )
      #expect(running.status() == 0, "\(running.talk)")
      #expect(try workspace.bytes("piped") == expected)
    }

    @Test func statisticsReadWhatPackReads() throws {
      try FileManager.default.createDirectory(
        at: workspace.folder.appendingPathComponent("in"), withIntermediateDirectories: true)
      try workspace.write(Data(Compression.zstd.compress(Array("light\nday\n".utf8))), "in/a")
      try workspace.write(#"{"m": {"t": "night"}}"#, "in/b.jsonl")
      let plain = try workspace.json("tokenize stats -m tokenizer.model in --pattern a --json")
      #expect(plain["bytes"] as? Int == 10 && plain["words"] as? Int == 2)
      let json = try workspace.json(
        "tokenize stats -m tokenizer.model in --jsonl-field m.t --on-error skip --json")
      #expect(json["bytes"] as? Int == 5 && json["documents"] as? Int == 1)
    }
  }
}
