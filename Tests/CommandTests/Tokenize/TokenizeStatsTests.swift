import Foundation
import Testing

extension CommandRuns {
  @Suite struct TokenizeStatsTests {
    private let workspace: Workspace

    init() throws { workspace = try Workspace() }

    @Test func severalTokenizersAreSideBySide() throws {
      let report = try workspace.json(
        "tokenize stats -m tokenizer.model -m larger.model text.txt --documents line --json")
      let bytes = try #require(report["bytes"] as? Int)
      let lines = try workspace.text("text.txt").split(separator: "\n")
      // Line ends belong to no document.
      #expect(bytes == lines.reduce(0) { $0 + $1.utf8.count } && report["documents"] as? Int == lines.count)
      #expect(report["words"] as? Int == lines.reduce(0) { $0 + $1.split(separator: " ").count })
      let found = try #require(report["tokenizers"] as? [[String: Any]])
      #expect(found.map { $0["vocabulary_size"] as? Int } == [320, 340])
      let tokens = found.compactMap { $0["tokens"] as? Int }
      #expect(tokens.count == 2 && tokens[1] < tokens[0])
      for (found, tokens) in zip(found, tokens) {
        let ratio = try #require(found["bytes_per_token"] as? Double)
        #expect(abs(ratio * Double(tokens) / Double(bytes) - 1) < 1e-12)
        #expect(found["changed_documents"] as? Int == 0 && found["unknown_share"] as? Double == 0)
        #expect((found["longest_documents"] as? [Any])?.count == 3)
      }
      let table = try workspace.result("tokenize stats -m tokenizer.model -m larger.model text.txt --documents line")
      #expect(table.contains("vocabulary       320") && table.contains("round trip       exact"), "\(table)")
    }

    @Test func theHistogramIsAnImage() throws {
      _ = try workspace.result("tokenize stats -m tokenizer.model text.txt --svg lengths.svg -q")
      let image = try workspace.text("lengths.svg")
      #expect(image.hasPrefix("<svg ") && image.contains("Bytes per token") && image.hasSuffix("</svg>\n"))
      let four = try workspace.run("tokenize stats -m a -m b -m c -m d text.txt --svg lengths.svg")
      #expect(four.status == 64 && four.talk.contains("--svg: expected at most three tokenizers, found 4"))
    }
  }
}
