import Corpora
import Files
import TestSupport
import Testing

/// Conversations and prompts as documents of which only a part is scored.
@Suite struct ChatTemplateTests {
  private func documents(_ text: String, _ rule: ScoredDocumentRule) throws -> [[DocumentPart]] {
    let folder = try TemporaryFolder()
    var found: [[DocumentPart]] = []
    let reader = TextReader(try ByteSource(path: folder.add("c.jsonl", Array(text.utf8))))
    try ScoredDocuments(reader, rule: rule).forEach { found.append($0) }
    return found
  }

  private func message(_ text: String, _ rule: ScoredDocumentRule) -> String {
    do {
      return "\(try documents(text, rule))"
    } catch {
      return "\(error)"
    }
  }

  @Test func onlyAnswersAreScored() throws {
    let line = """
      {"id": 3, "messages": [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Hi"},
      {"role": "assistant", "content": [{"type": "text", "text": "He"}, {"type": "text", "text": "llo"}]},
      {"role": "user", "content": "Bye\\n\\u0000"}]}
      """.replacing("\n", with: "")
    let found = try documents("\n\(line)\n  \n", .chat(field: "messages", .standard))
    #expect(
      found == [
        [
          DocumentPart("Be short.\n\nUser: Hi\nAssistant: ", isScored: false), DocumentPart("Hello\n", isScored: true),
          DocumentPart("User: Bye\n\u{0}\n", isScored: false),
        ]
      ])
  }

  @Test func promptsAreNotScored() throws {
    let text = #"{"q": {"text": "1+1="}, "a": "2"}"# + "\n" + #"{"a.b": "", "q": {"text": ""}, "a": "x"}"#
    let found = try documents(text, .prompt(field: "q.text", completion: "a"))
    #expect(found[0] == [DocumentPart("1+1=", isScored: false), DocumentPart("2", isScored: true)])
    #expect(found[1] == [DocumentPart("x", isScored: true)])
  }

  @Test(arguments: [
    ("[1]", "field 'm': expected a list of messages, found none"),
    (#"{"m": "text"}"#, "field 'm': expected a list of messages, found text"),
    (#"{"m": ["#, "expected a JSON object, found invalid JSON"),
    (#"{"m": [{"role": "user"}]}"#, "message 1: expected the texts 'role' and 'content'"),
    (#"{"m": [{"role": "user", "content": "x"}]}"#, "expected a message of the assistant, found none"),
    (
      #"{"m": [{"role": "tool", "content": "x"}, {"role": "assistant", "content": "x"}]}"#,
      "role: expected one of assistant, system, user, found 'tool'"
    ),
  ])
  func aWrongLineIsNamed(_ line: String, _ reason: String) {
    let good = #"{"m": [{"role": "assistant", "content": "x"}]}"#
    let found = message("\(good)\n\(line)\n", .chat(field: "m", .standard))
    #expect(found.contains("c.jsonl: line 2: ") && found.hasSuffix(reason), "\(found)")
  }

  @Test func templatesAreChecked() throws {
    let roles = ["user": "<u>{content}</u>", "assistant": "{content}<end>"]
    let template = try ChatTemplate(roles: roles)
    #expect(try ChatTemplate(json: template.json) == template)
    #expect(template.beforeAnswer.isEmpty && template.afterAnswer == "<end>")
    #expect(throws: ChatTemplateError.placeholders(role: "user", count: 0)) {
      try ChatTemplate(roles: roles.merging(["user": "content"]) { $1 })
    }
    #expect(throws: ChatTemplateError.placeholders(role: "assistant", count: 2)) {
      try ChatTemplate(roles: roles.merging(["assistant": "{content}{content}"]) { $1 })
    }
    #expect(throws: ChatTemplateError.missingRole("user")) { try ChatTemplate(roles: ["assistant": "{content}"]) }
    #expect(throws: ChatTemplateError.notAnObjectOfTexts) { try ChatTemplate(json: Array(#"{"user": 1}"#.utf8)) }
  }
}
