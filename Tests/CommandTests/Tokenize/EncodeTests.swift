import Foundation
import TestSupport
import Testing

extension CommandRuns {
  /// `tokenize encode` and `decode` as filters.
  @Suite struct EncodeTests {
    private let workspace: Workspace

    init() throws { workspace = try Workspace() }

    private func encode(_ text: Data, _ options: String = "") throws -> BinaryRun {
      let words = "tokenize encode -m tokenizer.model \(options)".split(separator: " ").map(String.init)
      return try runBinary(words, input: text, in: workspace.folder)
    }

    private func decode(_ ids: Data) throws -> Data {
      let run = try runBinary(["tokenize", "decode", "-m", "tokenizer.model"], input: ids, in: workspace.folder)
      #expect(run.status == 0, "\(run.talk)")
      return run.output
    }

    private static let texts: [Data] = [
      Data(), Data("\n".utf8), Data("\n\n\r\n".utf8), Data("light\u{0}\u{2581} \u{FEFF}day\r\nnight".utf8),
      Data("\u{FEFF}light\n".utf8), Data([0xFF, 0x0A, 0x80, 0xE2, 0x96]),
      Data((0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) }),
      Data(String(repeating: "light day night ", count: 20_000).utf8),
    ]

    @Test(arguments: texts.indices, ["ids", "pieces", "jsonl"])
    func eachLineIsALine(_ index: Int, _ format: String) throws {
      let text = Self.texts[index]
      let lines = text.split(separator: 0x0A, omittingEmptySubsequences: false).count - (text.last == 0x0A ? 1 : 0)
      let run = try encode(text, "--invalid bytes --output-format \(format)")
      #expect(run.status == 0, "\(run.talk)")
      #expect(run.output.count { $0 == 0x0A } == (text.isEmpty ? 0 : lines))
      if format == "ids" { #expect(try decode(run.output) == text) }
    }

    @Test func bosAndEosStandAtTheEnds() throws {
      for (text, count) in [("", 1), ("light", 1), ("light\n", 1), ("light\nday\n", 2)] {
        let lines = try encode(Data(text.utf8), "--bos --eos --output-format pieces").text
          .split(separator: "\n", omittingEmptySubsequences: false).dropLast()
        #expect(lines.count == count)
        #expect(lines.first?.hasPrefix("<s>") == true && lines.last?.hasSuffix("</s>") == true)
        #expect(lines.joined(separator: "\n").components(separatedBy: "s>").count == 3)
      }
    }

    /// The line is there before the next one is written.
    @Test(arguments: [
      ("encode", "light and day"), ("encode --nbest 2", "light"), ("encode --sample 0.1", "light"),
      ("encode --output-format jsonl", "light"), ("decode", "5 6 7"),
    ])
    func linesComeAtOnce(_ command: String, _ line: String) throws {
      let script = """
        mkfifo pipe; "$0" tokenize \(command) -m tokenizer.model <pipe >told & exec 3>pipe
        echo '\(line)' >&3; for i in $(seq 2000); do [ -s told ] && break; sleep 0.01; done; cp told early
        echo '\(line)' >&3; exec 3>&-; wait
        """
      let run = try runBinary(
        ["-c", script, builtBinary.path], in: workspace.folder, program: URL(fileURLWithPath: "/bin/bash"))
      #expect(run.status == 0, "\(run.talk)")
      let (early, all) = (try workspace.bytes("early"), try workspace.bytes("told"))
      #expect(!early.isEmpty && early.count < all.count && all.starts(with: early))
    }

    @Test func aLongLineNeedsLittleMemory() throws {
      // 20 MB without a newline; encoding it whole would take 1.3 GB.
      let script = """
        yes 'light day night ' 2>/dev/null | tr -d '\\n' 2>/dev/null | head -c 20000000 |
          (ulimit -v 700000; exec "$0" tokenize encode -m tokenizer.model) | "$0" tokenize decode -m tokenizer.model | cksum
        yes 'light day night ' 2>/dev/null | tr -d '\\n' 2>/dev/null | head -c 20000000 | cksum
        """
      let run = try runBinary(
        ["-c", script, builtBinary.path], in: workspace.folder, program: URL(fileURLWithPath: "/bin/bash"))
      let sums = run.text.split(separator: "\n")
      #expect(run.talk.isEmpty && sums.count == 2 && sums[0] == sums[1], "\(run.text)\(run.talk)")
    }

    @Test(arguments: Compression.allCases)
    func compressedFilesAreRead(_ compression: Compression) throws {
      let expected = try workspace.result("tokenize encode -m tokenizer.model text.txt")
      try workspace.write(Data(compression.compress(Array(TinyProject.text.utf8))), "text")
      try workspace.write(Data(compression.compress(Array(expected.utf8))), "ids")
      #expect(try workspace.result("tokenize encode -m tokenizer.model text") == expected)
      #expect(try encode(workspace.bytes("text")).text == expected)
      #expect(try workspace.result("tokenize decode -m tokenizer.model ids") == TinyProject.text)
    }

    /// A model that puts the space behind each word, also behind the last one.
    @Test func aSpaceThatTheTokenizerAddsAtTheEndIsNotDecoded() throws {
      let suffix: [UInt8] = [0x1A, 4, 0x18, 1, 0x20, 0, 0x12, 3, 0xC0, 1, 1]
      try workspace.write(workspace.bytes("tokenizer.model") + suffix, "suffix.model")
      for text in ["the light", "the light ", "day\nand night"] {
        let ids = try workspace.result("tokenize encode -m suffix.model", input: text)
        #expect(try workspace.result("tokenize decode -m suffix.model", input: ids) == text)
      }
    }

    @Test func wordsThatAreNoIDsAreNamed() throws {
      try workspace.write("5 6\r\n7 x8 9\n", "ids")
      try workspace.write("5 6\n" + String(repeating: "7", count: 100_000), "long")
      try workspace.write("5\n-1\n", "minus")
      let line = "tokenize decode -m tokenizer.model"
      for (name, message) in [
        ("ids", "ids: line 2: expected ids, found 'x8'"),
        ("long", "long: line 2: expected ids, found '\(String(repeating: "7", count: 40))'"),
        ("minus", "id -1: expected 0..<320"),
      ] {
        let run = try workspace.run("\(line) \(name)")
        #expect(run.status == 65 && run.talk.contains("error: \(message)\n"), "\(run.talk)")
      }
    }

    @Test func theBestWaysComeInOrder() throws {
      // The other vocabularies have few pieces of several characters.
      _ = try workspace.result("tokenize train --input text.txt --vocab-size 400 -o tokenizer.model")
      let text = Data("Light And Day\nNight\n".utf8)
      let lines = try encode(text, "--nbest 2").text.split(separator: "\n")
      let plain = try encode(text).text.split(separator: "\n")
      try #require(lines.count == 4)
      #expect(lines[0] == plain[0] && lines[2] == plain[1])
      #expect(Set(lines).count == 4)
      for way in 0..<2 {
        #expect(try decode(Data("\(lines[way])\n\(lines[2 + way])\n".utf8)) == text)
      }
      let objects = try encode(text, "--nbest 2 --output-format jsonl").text.split(separator: "\n").map(jsonObject)
      let scores = objects.compactMap { $0["score"] as? Double }
      #expect(scores.count == 4 && scores[0] >= scores[1] && scores[2] >= scores[3])
    }

    @Test(arguments: ["tokenizer.model", "other.model"])
    func theSeedDecidesWhatIsDrawn(_ tokenizer: String) throws {
      let line = "tokenize encode text.txt -m \(tokenizer) --sample 0.2 --seed"
      let drawn = try workspace.result("\(line) 1")
      #expect(try workspace.result("\(line) 1") == drawn)
      #expect(try workspace.result("\(line) 2") != drawn)
      #expect(try workspace.result("tokenize encode text.txt -m \(tokenizer)") != drawn)
      #expect(try workspace.result("tokenize decode -m \(tokenizer)", input: drawn) == TinyProject.text)
    }

    @Test(arguments: [
      ("--nbest 0", "--nbest: expected 1 to 1024, found 0"),
      ("--nbest 513 --sample 0.1", "--nbest: expected 1 to 512 with --sample, found 513"),
      ("--sample -1", "--sample: expected a number ≥ 0, found -1.0"),
      ("--sample nan", "--sample: expected a number ≥ 0, found nan"),
      ("--sample 0.1 --seed 4294967295", "--seed: expected less than 4294967295, found 4294967295"),
      ("--nbest 2 -m other.model", "--nbest: expected a unigram tokenizer, found bpe: other.model"),
      ("--sample 1.5 -m other.model", "--sample: expected 0 to 1 for a bpe tokenizer, found 1.5"),
    ])
    func whatCannotBeDrawnIsRefused(_ options: String, _ message: String) throws {
      let model = options.contains("-m ") ? "" : "-m tokenizer.model "
      try workspace.expectFailure("tokenize encode text.txt \(model)\(options)", status: 64, message)
    }
  }
}
