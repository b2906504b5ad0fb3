import Foundation
import Testing

extension CommandRuns {
  /// Prompts and conversations, from JSON lines to an answer.
  @Suite struct ScoredDocumentsTests {
    private func lines(_ count: Int, _ make: (Int) -> String) -> String {
      (0..<count).map { make($0) + "\n" }.joined()
    }

    @Test func promptsAreReadAndNotScored() throws {
      let project = try Workspace()
      try project.write(lines(60) { #"{"q": {"p": "light \#($0 % 7): "}, "a": "day"}"# }, "qa.jsonl")
      let pack = "tokenize pack -m tokenizer.model --input qa.jsonl --prompt-field q.p --completion-field a --verify"
      #expect(try project.run("\(pack) -o qa.tokens").status == 0)
      let info = try jsonObject(project.run("info qa.tokens --json --check").text)
      let (tokens, scored) = (try #require(info["tokens"] as? Int), try #require(info["scored_tokens"] as? Int))
      // "day" and EOS of each of sixty.
      #expect(scored >= 120 && scored < tokens)
      let eval = try jsonObject(project.run("eval -m model.safetensors qa.tokens --json").text)
      #expect(eval["tokens"] as? Int == scored)
      #expect(eval["bytes"] as? Int == 60 * 3)
      #expect(eval["word_perplexity"] is NSNull || eval["word_perplexity"] == nil)
      let run = try project.run(
        "train --config config.yaml --set data.train=qa.tokens --set data.validation=qa.tokens -o runs/qa -q")
      #expect(run.status == 0, "\(run.talk)")
      #expect(try project.run("generate -m runs/qa --chat -p x").talk.contains("expected a chat template"))
    }

    @Test func aConversationBecomesAModelThatAnswers() throws {
      let project = try Workspace()
      let chat = #"{"m": [{"role": "user", "content": "light"}, {"role": "assistant", "content": "day"}]}"#
      try project.write(lines(200) { _ in chat }, "chats.jsonl")
      try project.write("user: \"Q {content}\\n\"\nassistant: \"A {content}.\\n\"\n", "template.yaml")
      let pack = "tokenize pack -m tokenizer.model --input chats.jsonl --chat-field m --chat-template template.yaml"
      #expect(try project.run("\(pack) -o chats.tokens").status == 0)
      let train = """
        train --config config.yaml --set data.train=chats.tokens --set data.validation=chats.tokens -o runs/chat -q \
        --set training.steps=150 --set training.learning_rate=0.01
        """
      let run = try project.run(train)
      #expect(run.status == 0, "\(run.talk)")
      let info = try jsonObject(project.run("info runs/chat/best.safetensors --json").text)
      #expect(info["chat_user"] as? String == #""Q {content}\n""#)
      let answer = try project.run("generate -m runs/chat --chat -p light --temp 0")
      #expect(answer.text == "day\n" && answer.status == 0, "\(answer.text) \(answer.talk)")
      // The same, framed by hand; the state goes on with another message.
      let byHand = try project.run(["generate", "-m", "runs/chat", "-p", "Q light\nA ", "--temp", "0", "--stop", ".\n"])
      #expect(byHand.text == "day\n")
      let first = try project.run("generate -m runs/chat --chat -p light --temp 0 --state-out s.safetensors")
      let second = try project.run("generate -m runs/chat --chat -p light --temp 0 --state-in s.safetensors")
      let whole = try project.run([
        "generate", "-m", "runs/chat", "-p", "Q light\nA day.\nQ light\nA ", "--temp", "0", "--stop", ".\n",
      ])
      #expect(first.text == "day\n" && second.text == whole.text, "\(second.text) \(whole.text)")
      let copy = try project.run("convert runs/chat -o copy.safetensors --dtype bf16 -q")
      #expect(copy.status == 0)
      #expect(try project.run("generate -m copy.safetensors --chat -p light --temp 0").text == "day\n")
    }

    @Test(arguments: [
      ("--prompt-field p", "'--prompt-field' and '--completion-field' go together"),
      ("--chat-field m --jsonl-field t", "cannot be used together"),
      ("--chat-field m --documents line", "each line is a document"),
      ("--chat-template t.yaml", "expected together with --chat-field"),
    ])
    func wrongOptionsAreNamed(_ options: String, _ message: String) throws {
      let project = try Workspace()
      try project.write("{}\n", "c.jsonl")
      let run = try project.run("tokenize pack -m tokenizer.model --input c.jsonl -o c.tokens \(options)")
      #expect(run.status == 64 && run.talk.contains(message), "\(run.talk)")
    }

    @Test func wrongTemplatesAreNamed() throws {
      let project = try Workspace()
      try project.write("{}\n", "c.jsonl")
      for (text, message) in [
        ("- a\n", "expected a text for each role"), ("user: \"{content}\"\n", "expected the role 'assistant'"),
        ("user: x\nassistant: \"{content}\"\n", "role 'user': expected one {content}, found 0"), ("a: [", "t.yaml:"),
      ] {
        try project.write(text, "t.yaml")
        let run = try project.run(
          "tokenize pack -m tokenizer.model --input c.jsonl -o c.tokens --chat-field m --chat-template t.yaml")
        #expect(run.status == 78 && run.talk.contains(message), "\(run.status) \(run.talk)")
      }
    }
  }
}
