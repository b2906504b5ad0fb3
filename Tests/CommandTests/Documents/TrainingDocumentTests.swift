import Configurations
import Corpora
import Foundation
import Modeling
import Testing
import Training

/// docs/TRAINING.md holds the tables that the code makes. `RETNET_UPDATE_DOCUMENTS=1 make test` writes them anew.
@Suite struct TrainingDocumentTests {
  private let file = projectFolder.appendingPathComponent("docs/TRAINING.md")

  @Test func explainsEveryKeyAsTheCodeDoes() throws {
    var text = try String(contentsOf: file, encoding: .utf8)
    for (block, table) in [
      ("model", ModelConfiguration.markdownTable), ("data", DataConfiguration.markdownTable),
      ("training", TrainingConfiguration.markdownTable),
    ] {
      let start = try #require(text.range(of: "<!-- keys of \(block) -->\n"))
      let end = try #require(text.range(of: "<!-- end -->", range: start.upperBound..<text.endIndex))
      if ProcessInfo.processInfo.environment["RETNET_UPDATE_DOCUMENTS"] == "1" {
        text.replaceSubrange(start.upperBound..<end.lowerBound, with: table)
        try text.write(to: file, atomically: true, encoding: .utf8)
      } else {
        #expect(text[start.upperBound..<end.lowerBound] == table, "the table of \(block)")
      }
    }
  }
}
