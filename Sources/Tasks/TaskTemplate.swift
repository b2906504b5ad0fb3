/// A text with fields of a row in braces: `Question: {question}`. `{{` and `}}` stand for braces.
package struct TaskTemplate: Equatable, Sendable {
  private enum Part: Equatable {
    case text(String)
    case field(String)
  }

  private let parts: [Part]

  /// - Parameters:
  ///   - text: The text.
  ///   - key: The key of the task that holds it, for errors.
  /// - Throws: `TaskError.template` for a brace without a partner, or a name that is empty or has spaces around it.
  package init(_ text: String, key: String) throws(TaskError) {
    var parts: [Part] = []
    var open = String.UnicodeScalarView()
    var rest = text.unicodeScalars[...]
    while let scalar = rest.popFirst() {
      if scalar == "{" || scalar == "}", rest.first == scalar {
        open.append(scalar)
        rest.removeFirst()
      } else if scalar == "{" {
        guard let end = rest.firstIndex(of: "}"), !rest[..<end].isEmpty, !rest[..<end].contains("{") else {
          throw .template(key: key, reason: "expected a field's name and '}' behind '{', found something else")
        }
        let name = String(rest[..<end])
        guard name == name.stripped else {
          throw .template(key: key, reason: "expected a field's name without spaces around it, found '{\(name)}'")
        }
        if !open.isEmpty { parts.append(.text(String(open))) }
        open = String.UnicodeScalarView()
        parts.append(.field(name))
        rest = rest[rest.index(after: end)...]
      } else if scalar == "}" {
        throw .template(key: key, reason: "expected '{' before '}', found none")
      } else {
        open.append(scalar)
      }
    }
    if !open.isEmpty { parts.append(.text(String(open))) }
    self.parts = parts
  }

  /// The value of the only field, if there is nothing else.
  func soleValue(_ row: TaskRow) throws(TaskError) -> TaskValue? {
    guard parts.count == 1, case .field(let name) = parts[0] else { return nil }
    return try row.value(name)
  }

  /// The text, or ids if the template is a field that holds a list of them.
  func content(_ row: TaskRow) throws(TaskError) -> TaskText {
    if let value = try soleValue(row), let ids = value.ids { return .ids(ids) }
    return .text(try text(row))
  }

  /// The text of a row; ids are separated by spaces.
  func text(orIDs row: TaskRow) throws(TaskError) -> String {
    switch try content(row) {
    case .text(let text): text
    case .ids(let ids): ids.map { "\($0)" }.joined(separator: " ")
    }
  }

  /// The text of a row.
  package func text(_ row: TaskRow) throws(TaskError) -> String {
    var text = ""
    for part in parts {
      switch part {
      case .text(let piece): text += piece
      case .field(let name): text += try row.value(name).word(row, name)
      }
    }
    return text
  }
}

extension TaskValue {
  /// Token ids; nil for anything else and for an empty list.
  var ids: [Int32]? {
    guard case .list(let items) = self, !items.isEmpty else { return nil }
    var ids: [Int32] = []
    for item in items {
      guard case .integer(let number) = item, let id = Int32(exactly: number), id >= 0 else { return nil }
      ids.append(id)
    }
    return ids
  }

  /// The value inside a text.
  fileprivate func word(_ row: TaskRow, _ field: String) throws(TaskError) -> String {
    switch self {
    case .text(let text): return text
    case .integer(let number): return "\(number)"
    case .number(let number): return "\(number)"
    case .boolean(let isTrue): return isTrue ? "true" : "false"
    case .list, .object, .null: throw row.wrongKind(field, "text", self)
    }
  }
}

/// The templates of a task of the user's.
package struct TaskTemplates: Sendable {
  /// What the model reads.
  package var context: TaskTemplate
  /// The choices, or one field that holds a list of them; empty for other kinds.
  package var choices: [TaskTemplate]
  /// The right choice: its number from 0, its text, or its letter from A.
  package var gold: TaskTemplate

  package init(context: TaskTemplate, choices: [TaskTemplate], gold: TaskTemplate) {
    (self.context, self.choices, self.gold) = (context, choices, gold)
  }

  /// The question of a row with choices.
  package func choiceQuestion(_ row: TaskRow) throws(TaskError) -> TaskQuestion {
    var texts: [TaskText] = []
    if choices.count == 1, case .list(let items)? = try choices[0].soleValue(row) {
      for item in items {
        if case .text(let text) = item {
          texts.append(.text(text))
        } else if let ids = item.ids {
          texts.append(.ids(ids))
        } else {
          throw row.failure("choices: expected texts, found \(item.kind)")
        }
      }
    } else {
      for choice in choices { texts.append(try choice.content(row)) }
    }
    let context = try context.content(row)
    return try TaskQuestion(row, context: context, choices: texts, gold: gold(row, texts))
  }

  private func gold(_ row: TaskRow, _ choices: [TaskText]) throws(TaskError) -> Int {
    if case .list? = try gold.soleValue(row) { throw row.failure("gold: expected one right choice, found a list") }
    let word = try gold.text(row)
    if let number = Int(word) { return number }
    let matches = choices.indices.filter { choices[$0] == .text(word) }
    guard matches.count <= 1 else {
      throw row.failure("gold: expected one right choice, found \(matches.count) with the text '\(word)'")
    }
    if let match = matches.first { return match }
    let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ").map { String($0) }
    guard let letter = letters.firstIndex(of: word) else {
      throw row.failure("gold: expected a number from 0, the text of a choice or its letter, found '\(word)'")
    }
    return letter
  }
}

extension Task {
  /// A task of the user's with choices.
  package init(_ name: String, choices templates: TaskTemplates, pool: ExamplePool) {
    self.init(
      name, version: 1, [.acc, .accNorm, .accBytes], pool: pool, leavesOutQuestion: pool == .evaluated,
      question: templates.choiceQuestion)
  }

  /// A task of the user's about the last word of a text.
  package init(_ name: String, lastWordOf text: TaskTemplate, pool: ExamplePool) {
    self.init(
      name, version: 1, kind: .lastWord, [.acc, .perplexity], pool: pool, leavesOutQuestion: pool == .evaluated
    ) { row throws(TaskError) in try TaskQuestion(row, lastWordOf: text.text(row)) }
  }

  /// A task of the user's about whole texts.
  package init(_ name: String, rolling text: TaskTemplate) {
    self.init(
      name, version: 1, kind: .rolling, [.wordPerplexity, .bytePerplexity, .bitsPerByte], pool: .evaluated,
      leavesOutQuestion: true
    ) { row throws(TaskError) in
      let content = try text.content(row)
      guard !content.isEmpty else { throw row.failure("expected a text, found an empty one") }
      let option = TaskQuestion.Option(context: .text(""), continuation: content, choice: content)
      return TaskQuestion(options: [option], gold: 0, example: nil, target: try text.text(orIDs: row))
    }
  }
}
