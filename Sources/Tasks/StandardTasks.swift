extension Task {
  /// The tasks that are built in, with the templates of lm-evaluation-harness 0.4.13 (`lm_eval/tasks`).
  ///
  /// A task whose data set has no test part leaves the question out of its examples, because the harness does.
  package static let standard: [Task] = [
    Task(
      "hellaswag", version: 1, [.acc, .accNorm, .accBytes], pool: .part("train"), leavesOutQuestion: true,
      question: hellaswag),
    Task("piqa", version: 1, [.acc, .accNorm, .accBytes], pool: .part("train"), leavesOutQuestion: true) {
      row throws(TaskError) in
      try TaskQuestion(
        row, context: .text("Question: \(row.text("goal"))\nAnswer:"),
        choices: [.text(row.text("sol1")), .text(row.text("sol2"))], gold: row.integer("label"))
    },
    Task("winogrande", version: 1, [.acc], pool: .part("train"), leavesOutQuestion: true, question: winogrande),
    Task(
      "arc_easy", version: 1, [.acc, .accNorm, .accBytes], pool: .part("train"), leavesOutQuestion: false,
      question: arc),
    Task(
      "arc_challenge", version: 1, [.acc, .accNorm, .accBytes], pool: .part("train"), leavesOutQuestion: false,
      question: arc),
    Task("boolq", version: 2, [.acc], pool: .part("train"), leavesOutQuestion: true) { row throws(TaskError) in
      try TaskQuestion(
        row, context: .text("\(row.text("passage"))\nQuestion: \(row.text("question"))?\nAnswer:"),
        choices: [.text("no"), .text("yes")], gold: row.integer("label"))
    },
    Task("copa", version: 1, [.acc], pool: .part("train"), leavesOutQuestion: true, question: copa),
    Task("storycloze_2016", version: 1, [.acc], pool: .part("validation"), leavesOutQuestion: false) {
      row throws(TaskError) in
      var sentences: [String] = []
      for number in 1...4 { sentences.append(try row.text("input_sentence_\(number)")) }
      return try TaskQuestion(
        row, context: .text(sentences.joined(separator: " ")),
        choices: [.text(row.text("sentence_quiz1")), .text(row.text("sentence_quiz2"))],
        gold: row.index(countedFrom1: "answer_right_ending"))
    },
    Task("wsc273", version: 1, [.acc], pool: .evaluated, leavesOutQuestion: false, question: wsc273),
    Task(
      "lambada_openai", version: 1, kind: .lastWord, [.acc, .perplexity], pool: .evaluated, leavesOutQuestion: false
    ) { row throws(TaskError) in try TaskQuestion(row, lastWordOf: row.text("text")) },
  ]

  private static func hellaswag(_ row: TaskRow) throws(TaskError) -> TaskQuestion {
    func cleaned(_ text: String) -> String {
      // Brackets are left over from WikiHow.
      text.stripped.replacing(" [title]", by: ". ").withoutBrackets.replacing("  ", by: " ")
    }
    let context = try row.text("ctx_a") + " " + row.text("ctx_b").capitalizedAsSentence
    return try TaskQuestion(
      row, context: .text(cleaned(row.text("activity_label") + ": " + context)),
      choices: row.texts("endings").map { .text(cleaned($0)) }, gold: row.integer("label"))
  }

  private static func winogrande(_ row: TaskRow) throws(TaskError) -> TaskQuestion {
    let sentence = try row.text("sentence")
    guard let blank = sentence.unicodeScalars.firstIndex(of: "_") else {
      throw row.failure("field 'sentence': expected a blank '_', found none")
    }
    let before = String(sentence.unicodeScalars[..<blank])
    let rest = String(sentence.unicodeScalars[blank...].dropFirst()).stripped
    return try TaskQuestion(
      row, contexts: [before + row.text("option1"), before + row.text("option2")], continuation: rest,
      gold: row.index(countedFrom1: "answer"))
  }

  private static func arc(_ row: TaskRow) throws(TaskError) -> TaskQuestion {
    let key = try row.text("answerKey")
    let labels = try row.texts("choices.label")
    guard let gold = labels.firstIndex(of: key) else {
      throw row.failure("field 'answerKey': expected one of \(labels.joined(separator: ", ")), found '\(key)'")
    }
    return try TaskQuestion(
      row, context: .text("Question: \(row.text("question"))\nAnswer:"),
      choices: row.texts("choices.text").map { .text($0) }, gold: gold)
  }

  private static func copa(_ row: TaskRow) throws(TaskError) -> TaskQuestion {
    let kind = try row.text("question")
    guard let connector = ["cause": "because", "effect": "therefore"][kind] else {
      throw row.failure("field 'question': expected cause or effect, found '\(kind)'")
    }
    let premise = try row.text("premise").stripped
    // The choices bring a space of their own, so there are two.
    let choices = [
      " " + (try row.text("choice1").withLowercasedFirst), " " + (try row.text("choice2").withLowercasedFirst),
    ]
    let gold = try row.integer("label")
    return try TaskQuestion(
      row, context: .text("\(premise.scalars(upTo: max(0, premise.scalarCount - 1))) \(connector)"),
      choices: choices.map { .text($0) }, gold: gold, target: choices.indices.contains(gold) ? choices[gold] : nil)
  }

  private static func wsc273(_ row: TaskRow) throws(TaskError) -> TaskQuestion {
    let text = try row.text("text").replacing("  ", by: " ")
    let (pronoun, place) = (try row.text("pronoun"), try row.integer("pronoun_loc"))
    guard 0...text.scalarCount ~= place else {
      throw row.failure("field 'pronoun_loc': expected 0 to \(text.scalarCount), found \(place)")
    }
    // Python counts negative indices from the end.
    let before = text.unicodeScalars.dropFirst((place - 2 + text.scalarCount) % max(1, text.scalarCount)).first
    let isSentenceStart = before == "."
    var contexts: [String] = []
    for option in try row.texts("options") {
      var option = option
      if ["my", "his", "her", "our", "their"].contains(pronoun.lowercased()) { option += "'s" }
      let determiners = ["A", "An", "The", "She", "He", "It", "They", "My", "His", "Her", "Their"]
      if !isSentenceStart, let word = option.words.first, determiners.contains(word) {
        option = option.replacing(word, by: word.lowercased())
      }
      contexts.append(text.scalars(upTo: place) + option)
    }
    return try TaskQuestion(
      row, contexts: contexts, continuation: text.scalars(from: place + pronoun.scalarCount),
      gold: row.integer("label"))
  }
}

extension TaskQuestion {
  /// The question for the last word of a text, as LAMBADA asks it: what follows the last space.
  ///
  /// - Throws: `TaskError.row` for a text of one word.
  init(_ row: TaskRow, lastWordOf text: String) throws(TaskError) {
    guard let space = text.unicodeScalars.lastIndex(of: " ") else {
      throw row.failure("expected a text of two words or more, found one without a space")
    }
    let context = TaskText.text(String(text.unicodeScalars[..<space]))
    let word = TaskText.text(String(text.unicodeScalars[space...]))
    self.init(
      options: [Option(context: context, continuation: word, choice: word)], gold: 0,
      example: Self.example(context, word), target: String(text.unicodeScalars[space...]))
  }
}

extension String {
  /// `re.sub("\\[.*?\\]", "", text)`: without brackets that close on the same line.
  fileprivate var withoutBrackets: String {
    var rest = unicodeScalars[...]
    var result = String.UnicodeScalarView()
    while let start = rest.firstIndex(of: "[") {
      guard let end = rest[start...].firstIndex(where: { $0 == "]" || $0 == "\n" }), rest[end] == "]" else {
        result.append(contentsOf: rest[...start])
        rest = rest[rest.index(after: start)...]
        continue
      }
      result.append(contentsOf: rest[..<start])
      rest = rest[rest.index(after: end)...]
    }
    result.append(contentsOf: rest)
    return String(result)
  }
}
