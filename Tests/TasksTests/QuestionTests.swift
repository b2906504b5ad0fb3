import Foundation
import Tasks
import Testing

/// Rows become the texts that lm-evaluation-harness 0.4.13 makes of them.
@Suite struct QuestionTests {
  private func row(_ json: String, line: Int = 1) throws -> TaskRow {
    try TaskRow(json: Data(json.utf8), path: "rows.jsonl", line: line)
  }

  private func question(_ name: String, _ json: String) throws -> TaskQuestion {
    try #require(Task.standard.first { $0.name == name }).question(row(json))
  }

  private func texts(_ question: TaskQuestion) -> [[String]] {
    question.options.map { [$0.context, $0.continuation].map(\.plain) }
  }

  @Test func hellaswagIsCleaned() throws {
    let found = try question(
      "hellaswag",
      #"{"activity_label": "[header] Baking [title]", "ctx_a": " A [step] b.", "ctx_b": "éa WOMAN", "#
        + #""endings": [" x [y] z ", "[open", "a  b   c", "[a\nb]"], "label": "2"}"#)
    #expect(texts(found).map { $0[0] } == Array(repeating: " Baking. : A b. Éa woman", count: 4))
    #expect(texts(found).map { $0[1] } == [" x z", " [open", " a b  c", " [a\nb]"])
    #expect(found.gold == 2)
  }

  /// A capital sigma at the end of a word becomes another letter. The right column is Python 3.13's `capitalize()`.
  @Test(arguments: [
    ("éa ΟΔΥΣΣΕΥΣ", "Éa οδυσσευς"), ("ΟΔΟΣ ΑΣ", "Οδος ας"), ("ΑΣ'Σ. Σ ΣΑ ΑΣ\u{308}Β ΑΣ.", "Ασ'ς. σ σα ασ\u{308}β ας."),
    ("Σ", "Σ"), ("ΣΣ", "Σς"), ("aΣ𝐀", "Aσ𝐀"), ("İΣ aǅΣ", "İς aǆς"), ("1Σ aΣ1", "1σ aς1"),
  ])
  func sentencesAreCapitalizedAsInPython(_ text: String, _ expected: String) throws {
    let json = #"{"activity_label": "a", "ctx_a": "b", "ctx_b": "\#(text)", "endings": ["d", "e"], "label": 0}"#
    // Compared by code points: equal characters of Swift may be different ones of Python.
    let found = texts(try question("hellaswag", json))[0][0].unicodeScalars
    #expect(Array(found) == Array("a: b \(expected)".unicodeScalars))
  }

  @Test func winograndeHasTwoContextsAndOneContinuation() throws {
    let found = try question(
      "winogrande",
      #"{"sentence": "Ann saw that _ was late _ . ", "option1": "Bob", "option2": "Ann", "answer": "2"}"#)
    #expect(texts(found) == [["Ann saw that Bob", " was late _ ."], ["Ann saw that Ann", " was late _ ."]])
    #expect(found.gold == 1)
    #expect(found.example == "Ann saw that Ann was late _ .\n\n")
  }

  @Test func copaHasTwoSpaces() throws {
    let found = try question(
      "copa",
      #"{"premise": " The lamp fell. ", "choice1": "Éve ran.", "choice2": "It broke.", "question": "effect", "label": 1}"#
    )
    #expect(texts(found) == [["The lamp fell therefore", "  éve ran."], ["The lamp fell therefore", "  it broke."]])
    #expect(found.example == "The lamp fell therefore  it broke.\n\n")
  }

  @Test func wsc273NormalisesOptions() throws {
    let found = try question(
      "wsc273",
      #"{"text": "Then  his lamp fell.", "pronoun": "his", "pronoun_loc": 5, "options": ["The king", "Ruth"], "label": 0}"#
    )
    #expect(texts(found) == [["Then the king's", "  lamp fell."], ["Then Ruth's", "  lamp fell."]])
    // Behind a full stop the article keeps its capital.
    let second = try question(
      "wsc273",
      #"{"text": "Go. He ran.", "pronoun": "He", "pronoun_loc": 4, "options": ["The king", "It The It"], "label": 1}"#)
    #expect(texts(second).map { $0[0] } == ["Go. The king", "Go. It The It"])
  }

  @Test func theOthersAreFilledIn() throws {
    #expect(
      texts(try question("piqa", #"{"goal": "g", "sol1": "a", "sol2": "b", "label": 0}"#))
        == [["Question: g\nAnswer:", " a"], ["Question: g\nAnswer:", " b"]])
    let arc = try question(
      "arc_easy", #"{"question": "q", "choices": {"text": ["x", "y"], "label": ["1", "2"]}, "answerKey": "2"}"#)
    #expect(texts(arc) == [["Question: q\nAnswer:", " x"], ["Question: q\nAnswer:", " y"]] && arc.gold == 1)
    #expect(
      texts(try question("boolq", #"{"passage": "p", "question": "q", "label": true}"#))
        == [["p\nQuestion: q?\nAnswer:", " no"], ["p\nQuestion: q?\nAnswer:", " yes"]])
    let story = try question(
      "storycloze_2016",
      #"{"input_sentence_1": "a", "input_sentence_2": "b", "input_sentence_3": "c", "input_sentence_4": "d", "#
        + #""sentence_quiz1": "x", "sentence_quiz2": "y", "answer_right_ending": 2}"#)
    #expect(texts(story) == [["a b c d", " x"], ["a b c d", " y"]] && story.gold == 1)
    let lambada = try question("lambada_openai", #"{"text": "one  two\nthree"}"#)
    #expect(texts(lambada) == [["one ", " two\nthree"]])
    #expect(lambada.example == "one   two\nthree\n\n")
  }

  @Test(arguments: [
    ("piqa", #"{"goal": "g", "sol1": "a", "label": 0}"#, "field 'sol2': expected one, found none"),
    ("piqa", #"{"goal": "g", "sol1": "", "sol2": "b", "label": 0}"#, "choice 1: expected text, found none"),
    ("piqa", #"{"goal": "g", "sol1": "a", "sol2": "b", "label": 2}"#, "expected a right choice from 0 to 1, found 2"),
    ("piqa", #"{"goal": 7, "sol1": "a", "sol2": "b", "label": 0}"#, "field 'goal': expected text, found the number 7"),
    (
      "hellaswag", #"{"activity_label": "a", "ctx_a": "b", "ctx_b": "c", "endings": "d", "label": ""}"#,
      "field 'endings': expected a list of texts, found text"
    ),
    (
      "hellaswag", #"{"activity_label": "a", "ctx_a": "b", "ctx_b": "c", "endings": ["d", "e"], "label": ""}"#,
      "field 'label': expected a whole number, found an empty text"
    ),
    (
      "winogrande", #"{"sentence": "no blank", "option1": "a", "option2": "b", "answer": "1"}"#,
      "field 'sentence': expected a blank '_', found none"
    ),
    (
      "arc_easy", #"{"question": "q", "choices": {"text": ["x", "y"], "label": ["A", "B"]}, "answerKey": "C"}"#,
      "field 'answerKey': expected one of A, B, found 'C'"
    ),
    (
      "copa", #"{"premise": "p.", "choice1": "a", "choice2": "b", "question": "why", "label": 0}"#,
      "field 'question': expected cause or effect, found 'why'"
    ),
    (
      "wsc273", #"{"text": "t", "pronoun": "he", "pronoun_loc": 9, "options": ["a", "b"], "label": 0}"#,
      "field 'pronoun_loc': expected 0 to 1, found 9"
    ),
    ("lambada_openai", #"{"text": "word"}"#, "expected a text of two words or more, found one without a space"),
  ])
  func badRowsAreRefused(_ name: String, _ json: String, _ reason: String) throws {
    let task = try #require(Task.standard.first { $0.name == name })
    let row = try row(json, line: 3)
    #expect(throws: TaskError.row(path: "rows.jsonl", line: 3, reason: reason)) { try task.question(row) }
  }

  @Test func anythingButAnObjectIsRefused() {
    let reason = "expected a JSON object, found something else"
    #expect(throws: TaskError.row(path: "rows.jsonl", line: 1, reason: reason)) { try row("[1]") }
    #expect(throws: TaskError.row(path: "rows.jsonl", line: 1, reason: reason)) { try row(#"{"a": "#) }
  }

  // MARK: - A user's task

  @Test func templatesTakeFieldsAndBraces() throws {
    let row = try row(#"{"a": {"b": "x"}, "n": 3, "t": true}"#)
    #expect(try TaskTemplate("{{{a.b}}} {n}{t}", key: "k").text(row) == "{x} 3true")
    for text in ["{", "a}", "{}", "{a{b}}"] {
      #expect(throws: TaskError.self) { _ = try TaskTemplate(text, key: "k") }
    }
    for name in [" n ", " n", "n\u{A0}", " "] {
      let reason = "expected a field's name without spaces around it, found '{\(name)}'"
      #expect(throws: TaskError.template(key: "k", reason: reason)) { _ = try TaskTemplate("a {\(name)}", key: "k") }
    }
  }

  private func choiceTask(_ choices: [String], gold: String = "{gold}") throws -> TaskTemplates {
    TaskTemplates(
      context: try TaskTemplate("Q: {q}", key: "context"),
      choices: try choices.map { try TaskTemplate($0, key: "choices") }, gold: try TaskTemplate(gold, key: "gold"))
  }

  @Test(arguments: [("1", 1), (#""1""#, 1), (#""yes""#, 1), (#""B""#, 1), (#""A""#, 0)])
  func theRightChoiceIsANumberATextOrALetter(_ gold: String, _ index: Int) throws {
    let row = try row(#"{"q": "x", "o": ["no", "yes"], "gold": \#(gold)}"#)
    let found = try choiceTask(["{o}"]).choiceQuestion(row)
    #expect(found.gold == index && texts(found) == [["Q: x", " no"], ["Q: x", " yes"]])
  }

  @Test(arguments: [
    (#"{"q": "x", "o": ["a", "a"], "gold": "a"}"#, "gold: expected one right choice, found 2 with the text 'a'"),
    (#"{"q": "x", "o": ["a", "b"], "gold": [0, 1]}"#, "gold: expected one right choice, found a list"),
    (
      #"{"q": "x", "o": ["a", "b"], "gold": "c"}"#,
      "gold: expected a number from 0, the text of a choice or its letter, found 'c'"
    ),
    (#"{"q": "x", "o": ["a"], "gold": 0}"#, "expected two choices or more, found 1"),
    (#"{"q": "x", "o": ["a", 7], "gold": 0}"#, "choices: expected texts, found the number 7"),
  ])
  func badRowsOfAUsersTaskAreRefused(_ json: String, _ reason: String) throws {
    let row = try row(json)
    let templates = try choiceTask(["{o}"])
    #expect(throws: TaskError.row(path: "rows.jsonl", line: 1, reason: reason)) { try templates.choiceQuestion(row) }
  }

  @Test func listsOfIDsStandForTexts() throws {
    let row = try row(#"{"c": [5, 6], "o": [[7], [8, 9]], "gold": 1}"#)
    let templates = TaskTemplates(
      context: try TaskTemplate("{c}", key: "context"), choices: [try TaskTemplate("{o}", key: "choices")],
      gold: try TaskTemplate("{gold}", key: "gold"))
    let found = try templates.choiceQuestion(row)
    #expect(found.options.map(\.context) == [.ids([5, 6]), .ids([5, 6])])
    #expect(found.options.map(\.continuation) == [.ids([7]), .ids([8, 9])])
  }
}

extension TaskText {
  fileprivate var plain: String {
    switch self {
    case .text(let text): text
    case .ids(let ids): "\(ids)"
    }
  }
}
