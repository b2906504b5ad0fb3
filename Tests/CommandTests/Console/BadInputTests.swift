import Foundation
import Testing

extension CommandRuns {
  @Suite struct BadInputTests {
    private let workspace: Workspace

    init() throws { workspace = try Workspace() }

    private static let readers = [
      "tokenize train --vocab-size 320 -o new.model --input", "tokenize pack -m tokenizer.model -o new.tokens --input",
      "eval -m model.safetensors",
    ]

    @Test(arguments: readers)
    func textsThatAreNone(_ command: String) throws {
      try FileManager.default.createDirectory(
        at: workspace.folder.appendingPathComponent("empty"), withIntermediateDirectories: false)
      try workspace.write("", "empty.txt")
      try workspace.write("One\ntwo\u{0}three\n", "binary.txt")
      try workspace.write(Data("One\ntwo ".utf8) + [0xE9, 0x0A], "latin.txt")
      try workspace.expectFailure(
        "\(command) empty.txt", status: 65, "error: empty.txt: expected text, found an empty file\n")
      try workspace.expectFailure(
        "\(command) binary.txt", status: 65,
        "error: binary.txt: line 2, byte offset 7: expected text, found a zero byte\n")
      try workspace.expectFailure(
        "\(command) latin.txt", status: 65,
        "error: latin.txt: line 2, byte offset 8: expected UTF-8, found other bytes\n")
      try workspace.expectFailure("\(command) none.txt", status: 66, "error: none.txt: no such file\n")
      let isCorpus = command.contains("--input")
      try workspace.expectFailure(
        "\(command) empty", status: 66,
        isCorpus ? "error: empty: expected files in this folder, found none" : "error: empty: expected a regular file")
    }

    @Test func encodingRefusesOtherBytesUnlessToldOtherwise() throws {
      try workspace.write(Data("One\ntwo ".utf8) + [0xE9, 0x0A], "latin.txt")
      let run = try workspace.run("tokenize encode -m tokenizer.model latin.txt")
      #expect(run.status == 65)
      #expect(run.talk.hasPrefix("error: latin.txt: line 2, byte offset 8: expected UTF-8, found other bytes\nhint: "))
      let ids = try workspace.result("tokenize encode -m tokenizer.model latin.txt --invalid bytes")
      let decoded = try workspace.run("tokenize decode -m tokenizer.model", input: ids)
      #expect(decoded.output == (try workspace.bytes("latin.txt")))
      #expect(try workspace.result("tokenize encode -m tokenizer.model") == "")
      #expect(try workspace.result("tokenize encode -m tokenizer.model", input: "\u{0}").contains(" ") == false)
    }

    @Test func vocabulariesThatTheTextCannotFill() throws {
      try workspace.write(String(TinyProject.text.prefix(300)), "short.txt")
      let line = "tokenize train --input short.txt -o new.model --vocab-size"
      let message = try workspace.expectFailure(
        "\(line) 30000", status: 65, "pieces, found 30000\nhint: use --vocab-size")
      let largest = try #require(message.split(separator: " ").compactMap { Int($0) }.first)
      try workspace.expectFailure("\(line) \(largest + 1)", status: 65, "can fill at most \(largest) pieces")
      let small = try workspace.expectFailure(
        "\(line) 100", status: 65, "error: vocabulary size: the text needs at least ")
      let smallest = try #require(small.split(separator: " ").compactMap { Int($0) }.first)
      for size in [smallest, largest] {
        _ = try workspace.result("\(line) \(size)")
        #expect(try workspace.result("info new.model --json").contains("\"vocabulary_size\" : \(size)"))
      }
    }

    /// A char vocabulary has one size, and the program tells and makes the same.
    @Test func theOnlySizeOfACharVocabulary() throws {
      let line = "tokenize train --input text.txt -o new.model --model-type char --vocab-size"
      let message = try workspace.expectFailure(
        "\(line) 5000", status: 65, "error: vocabulary size: the text can fill at most ")
      let size = try #require(message.split(separator: " ").compactMap { Int($0) }.first)
      try workspace.expectFailure("\(line) 259", status: 65, "the text needs at least \(size) pieces, found 259")
      let run = try workspace.run("\(line) \(size)")
      #expect(run.status == 0 && run.talk.contains("new.model: \(size) pieces"))
      #expect(try workspace.result("info new.model --json").contains("\"vocabulary_size\" : \(size)"))
    }

    @Test func lettersWithoutASpaceTrain() throws {
      try workspace.write(String(repeating: "ACGTTGCAAC", count: 4_000), "dna.txt")
      for type in ["bpe", "unigram", "char"] {
        let size = type == "char" ? 264 : 266
        let line = "tokenize train --input dna.txt --model-type \(type) --vocab-size \(size) -o new.model"
        _ = try workspace.result(line)
      }
    }

    @Test func shortTextsAndSymbolsAreRefusedInPlainWords() throws {
      try workspace.write("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "lines.txt")
      for type in ["unigram", "bpe", "word", "char"] {
        for size in [1, 5_000] {
          try workspace.expectFailure(
            "tokenize train --input lines.txt -o new.model --model-type \(type) --vocab-size \(size)", status: 65,
            "error: vocabulary size: the text \(size == 1 ? "needs at least" : "can fill at most") ")
        }
      }
      for (symbols, message) in [
        ("\n\nx", "expected a newline at the end of a symbol only"), ("a,,b", "expected 1 to 512 bytes"),
        ("\u{2581}", "expected symbols without U+2581"),
      ] {
        let run = try workspace.run([
          "tokenize", "train", "--input", "text.txt", "--vocab-size", "320", "-o", "new.model",
          "--user-defined-symbols", symbols,
        ])
        #expect(run.status == 64 && run.talk.contains("error: --user-defined-symbols: \(message)"), "\(run.talk)")
      }
    }

    @Test(arguments: [
      "eval -m damaged text.txt", "generate -m damaged -p light", "convert damaged -o new.safetensors", "info damaged",
    ])
    func damagedModels(_ command: String) throws {
      let sound = try workspace.bytes("model.safetensors")
      let texts: [(String, Data, String)] = [
        ("half", sound.prefix(sound.count / 2), "bytes, found \(sound.count / 2)\nhint: the file is incomplete"),
        ("one byte less", sound.dropLast(), "expected "), ("one byte more", sound + [0], "expected "),
        ("empty", Data(), "found an empty file"), ("five bytes", sound.prefix(5), "expected 8 bytes, found 5"),
        (
          "text", Data(TinyProject.text.utf8),
          ", found a text\nhint: measure it with a model: retnet eval -m MODEL damaged"
        ),
        (
          "giant header", Data([0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F]),
          "expected a safetensors file, found one that begins with ff ff ff ff ff ff ff 7f"
        ),
        ("no model", Data([2, 0, 0, 0, 0, 0, 0, 0]) + Data("{}".utf8), "expected a "),
        (
          "later version", replaced(sound, #"format_version":"1""#, #"format_version":"9""#),
          "expected format version 1 or older, found 9\nhint: a newer retnet wrote this file; update the program"
        ),
        ("giant width", replaced(sound, #"width\":32,"#, #"width\":9e9"#), "expected a resolved model configuration"),
        ("other heads", replaced(sound, #"heads\":2"#, #"heads\":1"#), "key_heads: expected a divisor of heads (1)"),
        ("other key", replaced(sound, #"\"decay\""#, #"\"delay\""#), "did you mean 'decay'?"),
        ("other tensor", replaced(sound, "final_norm.weight", "finel_norm.weight"), "no tensor 'final_norm.weight'"),
      ]
      for (name, bytes, message) in texts {
        try workspace.write(bytes, "damaged")
        let found = try workspace.expectFailure(command, status: 65, message)
        #expect(found.hasPrefix("damaged: "), "\(name): \(found)")
      }
    }

    private func replaced(_ bytes: Data, _ old: String, _ new: String) -> Data {
      guard let range = bytes.range(of: Data(old.utf8)), old.utf8.count == new.utf8.count else { return Data() }
      var bytes = bytes
      bytes.replaceSubrange(range, with: new.utf8)
      return bytes
    }

    @Test func mutatedModelsNeverCrashTheProgram() throws {
      let sound = try workspace.bytes("model.safetensors")
      var state: UInt64 = 9
      func next(_ bound: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(state >> 33) % bound
      }
      for _ in 0..<40 {
        var bytes = sound
        // In the header, in the weights, in the tokenizer at the end.
        for place in [next(3_000), next(sound.count), sound.count - 1 - next(4_000)].shuffled().prefix(1 + next(2)) {
          bytes[place] = UInt8(next(256))
        }
        try workspace.write(bytes, "mutated")
        let run = try workspace.run("generate -m mutated -p light -n 3 -q")
        #expect(run.status == 0 || run.status == 65, "\(run.talk)")
      }
    }

    @Test func damagedTokenizers() throws {
      try workspace.change("tokenizer.model", to: "damaged") { $0 = $0.prefix(100) }
      for command in [
        "tokenize encode -m damaged text.txt", "tokenize decode -m damaged text.txt",
        "tokenize pack -m damaged --input text.txt -o new.tokens",
        "convert model.safetensors --tokenizer damaged -o new.safetensors",
        "train --config config.yaml -o new --set data.tokenizer=damaged",
      ] { try workspace.expectFailure(command, status: 65, "error: damaged: not a usable SentencePiece model: ") }
    }

    @Test func idsThatAreNone() throws {
      try workspace.write("5 6\n7 x8\n", "ids")
      try workspace.expectFailure(
        "tokenize decode -m tokenizer.model ids", status: 65, "error: ids: line 2: expected ids, found 'x8'\n")
      try workspace.write("5 6\r\n\r\n7 x8\r\n", "ids")
      try workspace.expectFailure(
        "tokenize decode -m tokenizer.model ids", status: 65, "error: ids: line 3: expected ids, found 'x8'\n")
      try workspace.write("5 320\n", "ids")
      try workspace.expectFailure(
        "tokenize decode -m tokenizer.model ids", status: 65, "error: id 320: expected 0..<320\n")
    }

    @Test func damagedTokenFiles() throws {
      let commands = [
        "eval -m model.safetensors damaged", "train --config config.yaml -o new --set data.train=damaged",
        "info damaged",
      ]
      try workspace.change("train.tokens", to: "damaged") { $0 = $0.dropLast(9) }
      for command in commands { try workspace.expectFailure(command, status: 65, "error: damaged: ") }
      // A vocabulary that is not the tokenizer's would let ids through that the model has not.
      try workspace.change("train.tokens", to: "damaged") { $0.replaceSubrange(16..<20, with: [0, 0, 1, 0]) }
      for command in commands.prefix(2) {
        try workspace.expectFailure(command, status: 65, "damaged: vocabulary size: expected 320, that of ")
      }
      try workspace.change("train.tokens", to: "damaged") { $0.replaceSubrange(64..<66, with: [0xFF, 0xFF]) }
      try workspace.expectFailure(commands[0], status: 65, "damaged: digest of the ids: expected ")
      try workspace.expectFailure("info damaged --check", status: 65, "error: damaged: ")
    }

    @Test func filesThatDoNotBelongTogether() throws {
      try workspace.expectFailure(
        "convert model.safetensors --tokenizer larger.model -o new.safetensors", status: 65,
        "error: larger.model: expected at most 320 pieces, the model's vocabulary, found 340\n")
      _ = try workspace.result("tokenize train --input text.txt --vocab-size 310 -o smaller.model -q")
      let line = "convert model.safetensors -o new.safetensors --tokenizer"
      try workspace.expectFailure(
        "\(line) smaller.model", status: 65,
        "error: smaller.model: expected 320 pieces, the model's vocabulary, found 310\nhint: ")
      for (tokenizer, isTold) in [
        ("smaller.model --allow-smaller-tokenizer", true), ("other.model", true), ("tokenizer.model", false),
      ] {
        let run = try workspace.run("\(line) \(tokenizer)")
        #expect(run.status == 0, "\(run.talk)")
        #expect(run.talk.contains("not the model's own tokenizer") == isTold, "\(run.talk)")
      }
      for tokenizer in ["other.model", "larger.model"] {
        try workspace.expectFailure(
          "train --config config.yaml -o new --set data.validation= --set data.tokenizer=\(tokenizer)", status: 65,
          "error: train.tokens: expected ids of the tokenizer ")
      }
      _ = try workspace.result("tokenize pack -m other.model --input text.txt -o other.tokens")
      try workspace.expectFailure(
        "eval -m model.safetensors other.tokens", status: 65, "hint: pack the text again with this tokenizer")
      try workspace.expectFailure(
        "train --config config.yaml -o new --set data.validation=other.tokens", status: 65, "error: other.tokens: ")
    }

    @Test func aModelWithoutTokenizer() throws {
      try workspace.change("model.safetensors", to: "bare") { bytes in
        // Without the tokenizer, which comes last: cut from the data, and its entry replaced by spaces.
        let start = 8 + bytes.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        let text = String(decoding: bytes[8..<start], as: UTF8.self)
        guard let entry = text.firstMatch(of: /,"tokenizer.model":\{"data_offsets":\[(\d+),(\d+)\][^}]*\}/),
          let begin = Int(entry.output.1)
        else { return }
        let header = text.replacing(entry.output.0, with: String(repeating: " ", count: entry.output.0.utf8.count))
        bytes = bytes.prefix(8) + Data(header.utf8) + bytes[start..<start + begin]
      }
      try workspace.dropDigest("bare")
      for (command, subject) in [("eval -m bare text.txt", "text.txt"), ("generate -m bare -p light", "prompt")] {
        try workspace.expectFailure(
          command + " -q", status: 65,
          "error: \(subject): expected a tokenizer in bare, found none\nhint: add one with: retnet convert ")
      }
      _ = try workspace.result("convert bare -o whole.safetensors --tokenizer tokenizer.model")
      #expect(try workspace.run("generate -m whole.safetensors -n 3").status == 0)
    }
  }
}
