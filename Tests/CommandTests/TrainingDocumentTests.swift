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

  /// The map in README.md names every source file, and no file that is gone.
  @Test func theFileMapIsComplete() throws {
    let readme = try String(contentsOf: projectFolder.appendingPathComponent("README.md"), encoding: .utf8)
    let sources = projectFolder.appendingPathComponent("Sources")
    var (missing, gone) = ([String](), [String]())
    for target in try FileManager.default.contentsOfDirectory(atPath: sources.path).sorted() {
      let section = readme.components(separatedBy: "**`Sources/\(target)`**").last?.components(separatedBy: "**`").first
      let folder = sources.appendingPathComponent(target).path
      let names = try #require(FileManager.default.subpaths(atPath: folder)).filter { $0.contains(".") }
      for name in names where section?.contains("| `\(name)` |") != true { missing.append("\(target)/\(name)") }
      for row in (section ?? "").matches(of: /\n\| `([^`]+)` \|/) where !names.contains(String(row.output.1)) {
        gone.append("\(target)/\(row.output.1)")
      }
    }
    #expect(missing.isEmpty, "not in the file map of README.md")
    #expect(gone.isEmpty, "in the file map of README.md, but not there")
    let mapped = readme.components(separatedBy: "\n").filter { $0.hasPrefix("| `") && !$0.contains("(docs") }
    #expect(mapped.count >= 100)
  }
}
