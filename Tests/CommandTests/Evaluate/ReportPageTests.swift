import Corpora
import Foundation
import Testing

extension CommandRuns {
  /// `index.html` of `eval --report`: hostile text stays text, and nothing is loaded.
  @Suite struct ReportPageTests {
    private let workspace: Workspace

    init() throws { workspace = try Workspace() }

    /// Texts that would break a page that trusts them.
    private static let hostile = [
      "</script><script>alert(1)</script>", "<b onclick=\"x\">'quoted'</b>", "ab\u{1B}[31mc\u{7F}\u{85}d",
      "&lt;&amp;<!--", "👩‍👩‍👧 family 🎉", "\u{202E}ab\u{202C} שלום عالم", "\u{2028}\u{2029}\u{FEFF}\u{FFFE}", "]]>",
      "<0xE2>", "e\u{301}\u{327} é", "tab\tand  spaces  ", "</i></section>", "\u{2581}x", "\\u003c\\", "${x}`y`",
    ]

    private struct Page {
      let html: String
      /// What is between the tags of the text.
      let text: [String]
      /// The tags of the text.
      let tags: [String]
      let data: [String: Any]
    }

    private func page(_ line: String) throws -> Page {
      _ = try workspace.result("eval -q --report r -m model.safetensors \(line)")
      let html = try workspace.text("r/index.html")
      let start = try #require(html.range(of: "<div id=text>"))
      let end = try #require(html.range(of: "</div>\n</main>"))
      var (text, tags) = ([String](), [String]())
      // Scalar by scalar, as a browser reads: a mark that follows ">" is one character with it.
      var rest = html.unicodeScalars[start.upperBound..<end.lowerBound]
      while let open = rest.firstIndex(of: "<") {
        text.append(String(rest[..<open]))
        let close = try #require(rest[open...].firstIndex(of: ">"))
        tags.append(String(rest[open...close]))
        rest = rest[rest.index(after: close)...]
      }
      #expect(rest.isEmpty)
      let head = try #require(html.range(of: "<script type=\"application/json\" id=data>"))
      let json = try #require(html[head.upperBound...].components(separatedBy: "</script>").first)
      return Page(html: html, text: text, tags: tags, data: try jsonObject(json))
    }

    /// The text that a browser would show.
    private func unescaped(_ parts: [String]) -> String {
      parts.joined().replacing("&lt;", with: "<").replacing("&gt;", with: ">").replacing("&quot;", with: "\"")
        .replacing("&#39;", with: "'").replacing("&amp;", with: "&")
    }

    @Test func hostileTextStaysText() throws {
      let text = Self.hostile.joined(separator: "\n")
      try workspace.write(text, "hostile.txt")
      let page = try page("hostile.txt")
      let tag = /<(?:section data-d=\d+ dir=auto|\/section|i class=(?:[au]\d?|"[au]\d? [cn]")(?: data-n=\d+)?|\/i)>/
      for found in page.tags { #expect(found.wholeMatch(of: tag) != nil, "\(found)") }
      for part in page.text {
        #expect(part.matches(of: /&/).count == part.matches(of: /&(amp|lt|gt|quot|#39);/).count)
        let values = part.unicodeScalars.map(\.value)
        #expect(values.allSatisfy { 0x20...0x7E ~= $0 || $0 > 0x9F || $0 == 9 || $0 == 10 })
      }
      // Control characters have pictures; all else is as it was.
      let shown = unescaped(page.text).unicodeScalars.filter { !"␛␡\u{FFFD}".unicodeScalars.contains($0) }
      let expected = (text + "</s>").unicodeScalars.filter { !"\u{1B}\u{7F}\u{85}\u{FFFE}".unicodeScalars.contains($0) }
      #expect(String(String.UnicodeScalarView(shown)) == String(String.UnicodeScalarView(expected)))
      #expect(page.html.components(separatedBy: "</script>").count == 3)
      #expect(page.html.components(separatedBy: "<script").count == 3)
    }

    @Test func theDataIsThatOfTheTokens() throws {
      try workspace.write(Self.hostile.joined(separator: "\n"), "hostile.txt")
      let page = try page("hostile.txt --no-bos")
      let lines = try workspace.text("r/tokens.jsonl").split(separator: "\n").map { try jsonObject($0) }
      let ids = try #require(page.data["id"] as? [Int])
      #expect(ids == lines.compactMap { $0["id"] as? Int })
      let pieces = try #require(page.data["piece"] as? [String: String])
      #expect(ids.map { pieces["\($0)"] } == lines.map { $0["piece"] as? String })
      let (ln, rank) = (try #require(page.data["ln"] as? [Any]), try #require(page.data["rank"] as? [Any]))
      #expect(ln[0] is NSNull && rank[0] is NSNull && ln.count == ids.count)
      for (index, line) in lines.enumerated().dropFirst() {
        #expect(abs(try #require(ln[index] as? Double) - (try #require(line["log_probability"] as? Double))) < 1e-4)
        #expect(rank[index] as? Int == line["rank"] as? Int)
      }
      // Every token is in one cell.
      let cells = page.tags.filter { $0.hasPrefix("<i ") }
      let tokens = cells.reduce(0) { $0 + ($1.firstMatch(of: /data-n=(\d+)/).flatMap { Int($0.output.1) } ?? 1) }
      #expect(tokens == ids.count && cells.count < ids.count)
    }

    /// Bytes that are no characters, and one character in several pieces.
    @Test func bytesAreShown() throws {
      try workspace.write(Data("a ".utf8) + [0xE2, 0x82] + Data(" b é ".utf8) + [0xFF, 0xC3], "bytes.txt")
      let pack = try workspace.run("tokenize pack -m tokenizer.model --invalid bytes --input bytes.txt -o bytes.tokens")
      #expect(pack.status == 0, "\(pack.talk)")
      let page = try page("bytes.tokens")
      let shown = unescaped(page.text)
      #expect(shown.hasPrefix("a <0xE2><0x82> b é <0xFF><0xC3>"), "\(shown)")
      // EOS has no text, so its piece is shown.
      #expect(shown.hasSuffix("</s>"))
      #expect(page.tags.contains { $0.contains("data-n=2") })
    }

    @Test func nothingIsLoaded() throws {
      let page = try page("text.txt --documents line")
      let addresses = page.html.matches(of: /https?:[^"]*/).map { String($0.output) }
      #expect(Set(addresses) == ["http://www.w3.org/2000/svg"])
      for word in ["src=", "href=", "url(http", "@import", "fetch(", "import("] { #expect(!page.html.contains(word)) }
      #expect(page.html.components(separatedBy: "<svg").count == 4)
      // Each picture's clips are its own.
      let clips = page.html.matches(of: /clipPath id="([^"]+)"/).map { $0.output.1 }
      #expect(Set(clips).count == clips.count && clips.count == 5)
      #expect(page.html.utf8.count < 3_000_000)
      // The first 20,000 tokens of about 22,000.
      let tokens = try workspace.text("r/tokens.jsonl").split(separator: "\n")
      let last = try jsonObject(tokens[19_999])
      #expect(page.tags.count { $0.hasPrefix("<section") } == last["document"] as? Int)
      #expect((page.data["id"] as? [Int])?.count == 20_000 && tokens.count > 20_000)
      #expect(page.html.contains("The first 20,000 of ") && page.html.contains("all are in tokens.jsonl"))
    }

    /// Texts are refused if they have zero bytes, but ids may decode to them.
    @Test func aZeroByteHasAPicture() throws {
      let file = try TokenFile(path: workspace.folder.appendingPathComponent("train.tokens").path)
      let path = workspace.folder.appendingPathComponent("zero.tokens").path
      var writer = try TokenFileWriter(replacing: path, header: file.header)
      // In SentencePiece's models the 256 byte pieces follow the unknown piece, BOS and EOS.
      try writer.append([3 + 0x61, 3, 3 + 0x62])
      try writer.endDocument(byteCount: 3)
      try writer.commit()
      let page = try page("zero.tokens")
      #expect(unescaped(page.text) == "a␀b</s>")
      #expect(!page.html.utf8.contains(0))
      #expect((page.data["piece"] as? [String: String])?["3"] == "<0x00>")
      #expect(try workspace.text("r/tokens.jsonl").contains("{\"bytes\":[0],"))
    }
  }
}
