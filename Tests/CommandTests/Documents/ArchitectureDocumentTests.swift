import Foundation
import Testing

/// docs/ARCHITECTURE.md against the files that it names.
@Suite struct ArchitectureDocumentTests {
  private func document(_ name: String) throws -> String {
    try String(contentsOf: projectFolder.appendingPathComponent(name), encoding: .utf8)
  }

  @Test func thePathOfATokenIsAsLongAsItSays() throws {
    let text = try document("docs/ARCHITECTURE.md")
    let section = try #require(text.components(separatedBy: "\n## The path of a token\n").last)
    let path = section.components(separatedBy: "\n## ")[0]
    let rows = path.matches(of: /\n\| (\d+) \| `([^`]+)`/)
    #expect(rows.map { String($0.output.1) } == (1...rows.count).map(String.init))
    let said = try #require(path.firstMatch(of: /\n(\d+) files, about ([\d,]+) lines/))
    #expect(Int(said.output.1) == rows.count)
    let lines = try rows.reduce(0) {
      try $0 + document("Sources/\($1.output.2)").split(separator: "\n", omittingEmptySubsequences: false).count - 1
    }
    let saidLines = try #require(Int(said.output.2.replacing(",", with: "")))
    // "About" is within a tenth: a change of a few lines need not touch the document.
    #expect(abs(lines - saidLines) * 10 <= saidLines, "\(lines) lines")
  }

  /// docs/PATH.md lists the files that a coverage build has found (scripts/path.sh), with their lines.
  @Test(arguments: [("From a prompt to a token", "generate"), ("Two steps of training", "train")])
  func thePathIsWhatRuns(_ title: String, _ name: String) throws {
    let text = try document("docs/PATH.md")
    let section = try #require(text.components(separatedBy: "\n## \(title)\n").dropFirst().first)
    let rows = section.components(separatedBy: "\n## ")[0].matches(of: /\n\| `([^`]+)` \| (\d+) \|/)
    let found = try document("docs/path-\(name).txt").split(separator: "\n").map(String.init)
    #expect(rows.map { String($0.output.1) }.sorted() == found.sorted())
    for row in rows {
      let source = try document("Sources/\(row.output.1)")
      let lines = source.split(separator: "\n", omittingEmptySubsequences: false).count - 1
      // A change of a few lines need not touch the document.
      let said = try #require(Int(row.output.2))
      #expect(abs(lines - said) <= max(10, said / 10), "\(row.output.1): \(lines) lines")
    }
  }

  /// Files that a document names by their folder: `Modeling/Block.swift`, also with the folder `Sources` before it.
  @Test(arguments: ["docs/ARCHITECTURE.md", "docs/STYLE.md", "docs/WORKAROUNDS.md", "CONTRIBUTING.md"])
  func namedSourcesExist(_ name: String) throws {
    for match in try document(name).matches(of: /`(?:Sources\/)?((?:Tests\/)?[A-Za-z]+\/[A-Za-z+\/]+\.(?:swift|c))`/) {
      let path = match.output.1.hasPrefix("Tests/") ? String(match.output.1) : "Sources/\(match.output.1)"
      let file = projectFolder.appendingPathComponent(path).path
      #expect(FileManager.default.fileExists(atPath: file), "\(name): \(path)")
    }
  }

  /// docs/FILES.md is what the script makes of the sources.
  @Test func theListOfFilesIsComplete() throws {
    let script = projectFolder.appendingPathComponent("scripts/files.sh")
    let run = try runBinary([script.path], in: projectFolder, program: URL(fileURLWithPath: "/bin/bash"))
    #expect(run.status == 0 && run.talk.isEmpty, "\(run.talk)")
    let listed = try document("docs/FILES.md")
    #expect(run.text == listed, "scripts/files.sh >docs/FILES.md")
    #expect(!listed.contains("|  |"), "a file without a first sentence")
  }
}

/// Every relative link of every document leads to a file, and its anchor to a heading.
@Suite struct LinkTests {
  private static let documents: [String] = {
    let tracked = FileManager.default.subpaths(atPath: projectFolder.path) ?? []
    return tracked.filter { $0.hasSuffix(".md") && !$0.hasPrefix(".build") }.sorted()
  }()

  /// The anchors of a document's headings, as GitHub makes them.
  private func anchors(_ text: String) -> Set<String> {
    var anchors: Set<String> = []
    var isCode = false
    for line in text.components(separatedBy: "\n") {
      if line.hasPrefix("```") { isCode.toggle() }
      guard !isCode, let heading = line.firstMatch(of: /^#+ +(.*)$/) else { continue }
      let words = heading.output.1.lowercased().filter { $0.isLetter || $0.isNumber || " -_".contains($0) }
      anchors.insert(words.replacing(" ", with: "-"))
    }
    return anchors
  }

  @Test func everyLinkResolves() throws {
    #expect(Self.documents.count > 15)
    var count = 0
    for name in Self.documents {
      let file = projectFolder.appendingPathComponent(name)
      let text = try String(contentsOf: file, encoding: .utf8)
      // Code may look like a link.
      let prose = text.replacing(/```[\s\S]*?```/, with: "").replacing(/`[^`\n]*`/, with: "code")
      for match in prose.matches(of: /\]\(([^)\s]+)\)/) where !match.output.1.contains("://") {
        count += 1
        let parts = match.output.1.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
        let target = parts[0].isEmpty ? file : file.deletingLastPathComponent().appendingPathComponent(String(parts[0]))
        #expect(FileManager.default.fileExists(atPath: target.path), "\(name): \(match.output.1)")
        if parts.count == 2, let other = try? String(contentsOf: target, encoding: .utf8) {
          #expect(anchors(other).contains(String(parts[1])), "\(name): \(match.output.1)")
        }
      }
    }
    #expect(count > 100)
  }
}
