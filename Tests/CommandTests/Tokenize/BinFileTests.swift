import Foundation
import Testing

extension CommandRuns {
  /// The `.bin` files of llm.c, modded-nanogpt and nanoGPT, in and out.
  @Suite struct BinFileTests {
    private let workspace: Workspace

    init() throws {
      workspace = try Workspace()
      try workspace.write("day\nlight\nnight \u{E9}", "days.txt")
      _ = try workspace.result("tokenize pack -m tokenizer.model --input days.txt --documents line -o days.tokens")
    }

    private func number(_ data: Data, _ start: Int, _ count: Int) -> Int {
      (0..<count).reversed().reduce(0) { $0 << 8 | Int(data[data.startIndex + start + $1]) }
    }

    @Test func aTokenFileGoesOutAndIn() throws {
      let tokens = try workspace.bytes("days.tokens")
      let info = try workspace.json("info days.tokens --json")
      let (count, eos) = (try #require(info["tokens"] as? Int), try #require(info["eos_id"] as? Int))
      for format in ["llm.c", "nanogpt"] {
        _ = try workspace.result("tokenize export days.tokens --format \(format) -o days.bin")
        let bin = try workspace.bytes("days.bin")
        if format == "llm.c" {
          #expect([0, 4, 8, 12].map { number(bin, $0, 4) } == [20_240_520, 1, count, 0])
          #expect(bin.count == 1024 + 2 * count && number(bin, 1024, 2) == eos)
        } else {
          #expect(bin == tokens[64..<64 + 2 * count])
        }
        _ = try workspace.result("tokenize import -m tokenizer.model --input days.bin --format \(format) -o back")
        #expect(try workspace.bytes("back") == tokens)
      }
      // Files follow each other.
      _ = try workspace.result("tokenize export days.tokens -o days.bin")
      _ = try workspace.result("tokenize import -m tokenizer.model --input days.bin days.bin -o twice")
      _ = try workspace.result(
        "tokenize pack -m tokenizer.model --input days.txt days.txt --documents line -o expected")
      #expect(try workspace.bytes("twice") == workspace.bytes("expected"))
    }

    @Test func damagedAndForeignFilesAreNamed() throws {
      _ = try workspace.result("tokenize export days.tokens -o days.bin")
      let line = "tokenize import -m tokenizer.model -o new --input"
      try workspace.change("days.bin", to: "cut.bin") { $0.removeLast() }
      try workspace.expectFailure(
        "\(line) cut.bin", status: 65, "cut.bin: expected \(try workspace.bytes("days.bin").count) bytes for ")
      try workspace.change("days.bin", to: "short.bin") { $0 = $0.prefix(900) }
      try workspace.expectFailure(
        "\(line) short.bin", status: 65, "short.bin: expected a header of 1024 bytes, found 900 bytes")
      try workspace.change("days.bin", to: "other.bin") { $0[4] = 2 }
      try workspace.expectFailure("\(line) other.bin", status: 65, "other.bin: expected version 1, found 2")
      try workspace.change("days.bin", to: "high.bin") { $0.replaceSubrange(1030..<1032, with: [0xFF, 0xFF]) }
      try workspace.expectFailure("\(line) high.bin", status: 65, "high.bin: id at position 3: expected less than ")
      try workspace.expectFailure(
        "\(line) days.txt", status: 65, "days.txt: expected token ids of llm.c (.bin), found a text")
      try workspace.write("odd", "odd.bin")
      try workspace.expectFailure(
        "\(line) odd.bin --format nanogpt", status: 65, "odd.bin: expected ids of 2 bytes, found 3 bytes")
      try workspace.expectFailure(
        "train --config config.yaml -o new --set data.train=days.bin", status: 65,
        "days.bin: expected a token file, found token ids of llm.c (.bin)")
    }

    @Test func aMaskIsRefused() throws {
      try workspace.write(#"{"q": "light", "a": "day"}"#, "qa.jsonl")
      _ = try workspace.result(
        "tokenize pack -m tokenizer.model --input qa.jsonl --prompt-field q --completion-field a -o qa.tokens")
      try workspace.expectFailure(
        "tokenize export qa.tokens -o new", status: 65, "qa.tokens: llm.c files have no loss mask")
    }
  }
}
