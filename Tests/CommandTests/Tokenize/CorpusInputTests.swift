import Foundation
import TestSupport
import Testing

extension CommandRuns {
  /// Texts as people have them: folders, archives, JSON lines in archives, files that are no texts among them.
  @Suite struct CorpusInputTests {
    private let workspace: Workspace

    init() throws {
      workspace = try Workspace()
      for folder in ["in/b", "empty"] {
        try FileManager.default.createDirectory(
          at: workspace.folder.appendingPathComponent(folder), withIntermediateDirectories: true)
      }
    }

    private static let pack = "tokenize pack -m tokenizer.model --verify -o new --input"

    private func write(_ text: String, _ name: String, _ compression: Compression? = nil) throws {
      let bytes = Array(text.utf8)
      try workspace.write(Data(compression?.compress(bytes) ?? bytes), name)
    }

    /// The tokens that `pack` writes.
    private func packed(_ input: String, sourceLocation: SourceLocation = #_sourceLocation) throws -> Data {
      _ = try workspace.result("\(Self.pack) \(input)", sourceLocation: sourceLocation)
      return try workspace.bytes("new")
    }

    @Test(arguments: Compression.allCases)
    func compressedTextsAreTheTexts(_ compression: Compression) throws {
      // The name says nothing.
      try write(TinyProject.text, "stored.txt", compression)
      #expect(try packed("stored.txt") == packed("text.txt"))
      let line = "tokenize train --vocab-size 320 -o new --input"
      _ = try workspace.result("\(line) stored.txt")
      #expect(try workspace.bytes("new") == workspace.bytes("tokenizer.model"))
      for command in [
        "eval -m model.safetensors --json", "generate -m model.safetensors -n 5 -q -f",
        "verify model.safetensors --length 20 --file", "eval -m model.safetensors --json - <",
      ] {
        func told(_ name: String) throws -> [Substring] {
          let running = try RunningBinary("\(command) \(name) >told", in: workspace.folder)
          #expect(running.status() == 0, "\(running.talk)")
          let varying = ["seconds", "tokens_per_second", "peak_memory_bytes", "text.txt", "stored.txt", "time "]
          return try workspace.text("told").split(separator: "\n").filter { line in
            !varying.contains { line.contains($0) }
          }
        }
        #expect(try told("stored.txt") == told("text.txt"))
      }
    }

    @Test func foldersAreReadInTheirOrder() throws {
      try write("light\n", "in/b/2.txt", .xz)
      try write("day\n", "in/b/10.txt")
      try write("night\n", "in/a.txt", .gzip)
      try write("{\"no\": \"text\"}\n", "in/c.json")
      try #require(unsafe symlink("..", workspace.folder.path + "/in/b/up") == 0)
      let expected = try packed("in/a.txt in/b/10.txt in/b/2.txt")
      #expect(try packed("in --pattern *.txt") == expected)
      #expect(try packed("in/ --pattern *.txt") == expected)
      #expect(try packed("in/a.txt in/b --pattern [0-9]*") == expected)
    }

    @Test(arguments: [nil] + Compression.allCases.map { $0 })
    func jsonLinesMayBeCompressedAndNested(_ compression: Compression?) throws {
      try write("light\nday\n", "plain")
      let lines = "{\"meta\": {\"text\": \"light\"}}\r\n{\"meta\": {\"text\": \"day\", \"n\": 1}}\r\n"
      try write("\u{FEFF}" + lines, "lines", compression)
      #expect(try packed("lines --jsonl-field meta.text") == packed("plain --documents line"))
    }

    @Test func aByteOrderMarkIsNoText() throws {
      try write("light\r\nday", "plain")
      try write("\u{FEFF}light\r\nday", "marked")
      #expect(try packed("marked") == packed("plain"))
      #expect(try packed("marked --invalid bytes") == packed("plain"))
      #expect(try packed("marked --documents line") == packed("plain --documents line"))
    }

    @Test func hostileTextsArePacked() throws {
      let long = String(repeating: "light day ", count: 1_000_000)
      try write("\u{2581}\u{2581} \u{FFFD}👩‍👩‍👧 e\u{301} שלום\r\n\r\r\n\u{85}" + long, "hostile", .zstd)
      _ = try packed("hostile")
      let text = "\u{2581}\u{2581} \u{FFFD}👩‍👩‍👧 e\u{301} שלום\r\n\r\r\n\u{85}" + long
      #expect(try workspace.json("info new --json --check")["bytes"] as? Int == text.utf8.count)
      try write("light\u{0}\r\n", "zero")
      _ = try packed("zero --invalid bytes")
      try workspace.expectFailure("\(Self.pack) zero", status: 65, "zero: line 1, byte offset 5: expected text")
    }

    @Test func damagedArchivesAreNamedWithTheOffset() throws {
      for compression in Compression.allCases {
        let stored = compression.compress(Array(TinyProject.text.utf8))
        try workspace.write(Data(stored.dropLast(9)), "cut")
        for command in [
          Self.pack, "tokenize train --vocab-size 320 -o new --input", "eval -m model.safetensors",
          "convert model.safetensors -o new --report",
          "generate -m model.safetensors -n 1 -f",
        ] {
          let line = "\(command) cut"
          let run = try workspace.run("\(line) -q")
          #expect(run.status == 65, "\(line): \(run.talk)")
          #expect(
            run.talk.contains(
              "error: cut: compressed byte offset \(stored.count - 9): expected a file compressed with"),
            "\(line): \(run.talk)")
          #expect(run.talk.contains("found damage: it ends too early\nhint: "))
        }
      }
    }

    @Test func badFilesMayBeSkippedAndAreCounted() throws {
      try write("light\n", "in/a.txt")
      try workspace.write(Data(Compression.gzip.compress(Array("day".utf8)).dropLast()), "in/b.gz")
      try workspace.write(Data([0x61, 0xFF]), "in/c.txt")
      try write("", "in/d.txt")
      try write("night\n", "in/e.txt")
      let expected = try packed("in/a.txt in/e.txt")
      let run = try workspace.run("\(Self.pack) in --on-error skip")
      #expect(run.status == 0 && run.talk.contains("skipped 2 files and 0 lines of JSON\n"), "\(run.talk)")
      #expect(run.talk.contains("warning: skipped: in/c.txt: line 1, byte offset 1: expected UTF-8"), "\(run.talk)")
      #expect(try workspace.bytes("new") == expected)
      try workspace.expectFailure("\(Self.pack) in --on-error stop", status: 65, "in/b.gz: compressed byte offset ")
      try workspace.expectFailure("\(Self.pack) in/c.txt none --on-error skip", status: 65, "found only empty ones")
    }

    @Test func noOutputIsATextOfTheFolder() throws {
      try write("light\n", "in/a.txt")
      try workspace.expectFailure(
        "tokenize pack -m tokenizer.model --input in -o in/a.txt", status: 64,
        "--output: expected another file than --input, found the same, 'in/a.txt'")
      try workspace.expectFailure("\(Self.pack) empty", status: 66, "empty: expected files in this folder, found none")
      try workspace.expectFailure(
        "\(Self.pack) in --pattern *.md", status: 66, "in: expected files named like '*.md' in this folder, found none")
    }
  }
}
