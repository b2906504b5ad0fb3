internal import Configurations
internal import FoundationEssentials

/// How the messages of a conversation become a text: for each role the text around its messages (docs/TOKENS.md).
///
/// Only what the assistant says is scored in training, with the text behind it, which ends an answer.
package struct ChatTemplate: Equatable, Sendable {
  /// For each role a text with one `{content}`.
  package let roles: [String: String]

  /// The role whose messages a model writes.
  package static let assistant = "assistant"
  /// The role of a prompt.
  package static let user = "user"
  /// The role of instructions before a conversation.
  package static let system = "system"
  /// What stands for the message in the text of a role.
  package static let placeholder = "{content}"

  /// Plain text that a person can read.
  package static let standard = ChatTemplate(
    checked: ["system": "{content}\n\n", "user": "User: {content}\n", "assistant": "Assistant: {content}\n"])

  private init(checked roles: [String: String]) { self.roles = roles }

  /// - Parameter roles: For each role its text.
  /// - Throws: `ChatTemplateError` if a text has no or several placeholders, or user or assistant is missing.
  package init(roles: [String: String]) throws(ChatTemplateError) {
    for (role, text) in roles.sorted(by: { $0.key < $1.key }) {
      let count = text.split(separator: Self.placeholder, omittingEmptySubsequences: false).count - 1
      guard count == 1 else { throw .placeholders(role: role, count: count) }
    }
    for role in [Self.user, Self.assistant] where roles[role] == nil { throw .missingRole(role) }
    self.init(checked: roles)
  }

  /// Reads the form of model and token files.
  ///
  /// - Parameter json: A JSON object of strings.
  /// - Throws: `ChatTemplateError`.
  package init(json: [UInt8]) throws(ChatTemplateError) {
    let roles: [String: String]
    do {
      roles = try decodedJSON([String: String].self, from: json)
    } catch {
      throw .notAnObjectOfTexts
    }
    try self.init(roles: roles)
  }

  /// A JSON object with sorted keys.
  package var json: [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return (try? encoder.encode(roles)).map { Array($0) } ?? []
  }

  /// The text before and after a message; nil for an unknown role.
  package func frame(of role: String) -> (before: String, after: String)? {
    guard let text = roles[role] else { return nil }
    let parts = text.split(separator: Self.placeholder, omittingEmptySubsequences: false)
    return (String(parts[0]), String(parts[1]))
  }

  /// The text that an answer follows.
  package var beforeAnswer: String { frame(of: Self.assistant)?.before ?? "" }
  /// The text that ends an answer.
  package var afterAnswer: String { frame(of: Self.assistant)?.after ?? "" }

  /// The text of a conversation.
  ///
  /// - Parameter messages: Roles of the template, and what was said.
  /// - Returns: Parts that are scored or not, alternately.
  /// - Throws: `ChatTemplateError.unknownRole`.
  package func parts(_ messages: [ChatMessage]) throws(ChatTemplateError) -> [DocumentPart] {
    var parts: [DocumentPart] = []
    for message in messages {
      guard let frame = frame(of: message.role) else {
        throw .unknownRole(message.role, known: roles.keys.sorted())
      }
      let isAnswer = message.role == Self.assistant
      parts.append(frame.before, isScored: false)
      parts.append(message.content + frame.after, isScored: isAnswer)
    }
    return parts
  }
}

/// A message of a conversation.
package struct ChatMessage: Equatable, Sendable {
  package var role: String
  package var content: String

  package init(role: String, content: String) { (self.role, self.content) = (role, content) }
}

/// An error in a chat template, or in a conversation that it shall make into text.
package enum ChatTemplateError: Error, Equatable, CustomStringConvertible {
  case notAnObjectOfTexts
  case placeholders(role: String, count: Int)
  case missingRole(String)
  case unknownRole(String, known: [String])

  package var description: String {
    switch self {
    case .notAnObjectOfTexts: "chat template: expected a text for each role, found something else"
    case .placeholders(let role, let count):
      "chat template: role '\(role)': expected one \(ChatTemplate.placeholder), found \(count)"
    case .missingRole(let role): "chat template: expected the role '\(role)', found none"
    case .unknownRole(let role, let known):
      "role: expected one of \(known.joined(separator: ", ")), found '\(role)'"
    }
  }
}

/// A part of a document's text.
package struct DocumentPart: Equatable, Sendable {
  package var text: String
  /// Whether its tokens count in losses.
  package var isScored: Bool

  package init(_ text: String, isScored: Bool) { (self.text, self.isScored) = (text, isScored) }
}

extension [DocumentPart] {
  /// Appends text, to the last part if that is scored alike.
  fileprivate mutating func append(_ text: String, isScored: Bool) {
    guard !text.isEmpty else { return }
    if last?.isScored == isScored {
      self[count - 1].text += text
    } else {
      append(DocumentPart(text, isScored: isScored))
    }
  }
}
