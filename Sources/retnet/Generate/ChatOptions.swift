internal import ArgumentParser
internal import Configurations
internal import Corpora
internal import Files
internal import Modeling
internal import Tokenization
internal import Yams

/// The options that make a prompt the message of a user.
struct ChatOptions: ParsableArguments {
  @Flag(help: "Take the prompt for a user's message, and print the answer; the model's chat template frames both.")
  var chat = false

  @Option(help: ArgumentHelp("With --chat: instructions before the conversation.", valueName: "text"))
  var system: String?

  @Option(
    help: ArgumentHelp("With --chat: a template instead of the model's.", valueName: "template.yaml"),
    completion: .file())
  var chatTemplate: String?

  func validate() throws {
    guard !chat else { return }
    for (name, isGiven) in [("--system", system != nil), ("--chat-template", chatTemplate != nil)] where isGiven {
      throw ValidationError("\(name): expected together with --chat")
    }
  }

  /// The frame of prompts; nil without `--chat`.
  ///
  /// - Throws: `CommandError` if neither the model nor the options have a template, or it lacks the role `system`.
  func frame(_ model: LoadedModel) throws -> ChatFrame? {
    guard chat else { return nil }
    let tokenizer = try model.tokenizer(for: "--chat")
    let template =
      try chatTemplate.map { try ChatTemplate(path: $0) }
      ?? model.header.provenance.checkedChatTemplate(model.header.path)
    guard let template else {
      throw CommandError(
        .badData, "\(model.header.path): --chat: expected a chat template in the model, found none",
        hint: "give one with --chat-template; docs/TOKENS.md shows its form")
    }
    if system != nil, template.frame(of: ChatTemplate.system) == nil {
      throw CommandError(.usage, "--system: expected a template with the role 'system', found none of it")
    }
    return ChatFrame(template: template, system: system, tokenizer: tokenizer)
  }
}

/// Turns the messages of a user into the text that a model continues with its answer.
struct ChatFrame {
  let template: ChatTemplate
  /// Instructions before the first message.
  let system: String?
  let tokenizer: Tokenizer

  /// The text before an answer.
  ///
  /// - Parameters:
  ///   - message: What the user says.
  ///   - recent: The last ids that were read before; nil at the start of a conversation.
  /// - Returns: The end of the answer before, if it is missing, and the framed message.
  func text(_ message: String, after recent: [Int32]? = nil) -> String {
    var text = ""
    if let recent {
      if !isEndOfAnswer(recent) { text += template.afterAnswer }
    } else if let system, let frame = template.frame(of: ChatTemplate.system) {
      text += frame.before + system + frame.after
    }
    let frame = template.frame(of: ChatTemplate.user) ?? ("", "")
    return text + frame.before + message + frame.after + template.beforeAnswer
  }

  /// Whether the text of ids ends with what ends an answer.
  private func isEndOfAnswer(_ ids: [Int32]) -> Bool {
    let read = ids.suffix(256).filter { $0 < tokenizer.vocabularySize }.flatMap { tokenizer.bytes(of: $0) }
    return read.suffix(template.afterAnswer.utf8.count).elementsEqual(template.afterAnswer.utf8)
  }

  /// What ends an answer, besides EOS.
  var stops: [String] { template.afterAnswer.isEmpty ? [] : [template.afterAnswer] }
}

extension ChatTemplate {
  /// Reads a template: YAML with a text for each role.
  ///
  /// - Parameter path: The path of a file.
  /// - Throws: `FileError`; `CommandError` for anything but texts with one `{content}`.
  init(path: String) throws {
    let name = StreamPath.inputName(path)
    var roles: [String: String] = [:]
    for (key, value) in try yamlMapping(path: path, expected: "a text for each role") {
      guard let role = key.scalar?.string, let text = value.scalar?.string else {
        throw CommandError(.badConfiguration, "\(name): expected a text for each role, found something else")
      }
      roles[role] = text
    }
    do {
      try self.init(roles: roles)
    } catch {
      throw CommandError(.badConfiguration, "\(name): \(error)")
    }
  }
}

extension Provenance {
  /// The chat template.
  ///
  /// - Parameter path: The model, for messages.
  /// - Returns: nil without one.
  /// - Throws: `CommandError` if it is none.
  func checkedChatTemplate(_ path: String) throws -> ChatTemplate? {
    do {
      return try chatTemplate.map { try ChatTemplate(roles: $0) }
    } catch {
      throw CommandError(.badData, "\(path): \(error)")
    }
  }
}
