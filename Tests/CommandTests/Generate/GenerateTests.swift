import Foundation
import Testing

extension CommandRuns {
  @Suite struct GenerateTests {
    private let workspace: Workspace
    private static let line = "generate -m model.safetensors --ignore-eos -q"

    init() throws { workspace = try Workspace() }

    @Test func samplesAreThoseOfTheirSeeds() throws {
      let together = try workspace.result("\(Self.line) -p light -n 15 -s 4 --num-samples 18 --json --temp 1.2")
      let lines = together.split(separator: "\n")
      #expect(lines.count == 18)
      for (index, line) in lines.enumerated() where [0, 1, 16, 17].contains(index) {
        let alone = try workspace.result("\(Self.line) -p light -n 15 -s \(4 + index) --temp 1.2")
        let sample = try jsonObject(line)
        #expect(sample["sample"] as? Int == index)
        #expect((sample["text"] as? String ?? "") + "\n" == alone)
      }
      let plain = try workspace.result("\(Self.line) -p light -n 5 -s 4 --num-samples 2 --temp 1.2 -t 1")
      #expect(plain.components(separatedBy: "\n---\n").count == 2)
    }

    @Test func promptsOfAListAreThoseAlone() throws {
      let texts = TinyProject.text.split(separator: "\n").prefix(21).enumerated().map { index, line in
        String(line.prefix(3 + 9 * index))
      }
      let records = texts.enumerated().map { index, text in
        #"{"prompt":"\#(text)","id":"q\#(index)""# + (index % 3 == 0 ? #","n":\#(index),"seed":7}"# : "}")
      }
      try workspace.write(records.joined(separator: "\n") + "\n\n", "list.jsonl")
      let answers = try workspace.result("\(Self.line) --prompts list.jsonl -n 11 -s 3 --temp 1.1")
      let lines = answers.split(separator: "\n")
      #expect(lines.count == 21)
      for (index, line) in lines.enumerated() {
        let answer = try jsonObject(line)
        #expect(answer["id"] as? String == "q\(index)")
        #expect(answer["index"] as? Int == index)
        guard index % 4 == 0 || index == 3 else { continue }
        let (count, seed) = index % 3 == 0 ? (index, 7) : (11, 3)
        let alone = try workspace.run(
          (Self.line + " -n \(count) -s \(seed) --temp 1.1").split(separator: " ").map(String.init)
            + ["-p", texts[index]])
        #expect((answer["text"] as? String ?? "") + "\n" == alone.text)
      }
      let input = records.joined(separator: "\n")
      #expect(try workspace.result("\(Self.line) --prompts - -n 11 -s 3 --temp 1.1 -t 1", input: input) == answers)
    }

    @Test func listsThatAreNoneAreRefused() throws {
      for (text, message) in [
        ("{\"prompt\":\"a\"}\n[1]\n", "list.jsonl: line 2: expected "),
        ("{\"text\":\"a\"}\n", "line 1: expected an object with 'prompt', found one without it"),
        ("{\"prompt\":\"a\",\"temp\":1}", "line 1: expected the keys prompt, id, n and seed, found 'temp'"),
        ("{\"prompt\":\"a\",\"n\":-2}", "line 1: expected an integer of at least -1 for 'n', found -2"),
        ("{\"prompt\":\"a\",\"n\":1.5}", "line 1: expected an integer of at least -1 for 'n', found 1.5"),
        ("{\"prompt\":\"a\",\"n\":\"1\"}", "for 'n', found the text \"1\""),
        ("{\"prompt\":\"a\",\"n\":1e300}", "for 'n', found 1e+300"),
        ("{\"prompt\":\"a\",\"seed\":-1}", "expected an integer from 0 to 18446744073709551615 for 'seed', found -1"),
        ("{\"prompt\":\"a\",\"seed\":true}", "for 'seed', found true"),
        ("{\"prompt\":\"a\",\"id\":[1]}", "expected text or an integer for 'id', found a list"),
        ("{\"prompt\":3}", "expected text for 'prompt', found 3"),
        ("{\"prompt\":{}}", "expected text for 'prompt', found an object"),
        ("{\"prompt\":null}", "expected an object with 'prompt', found null"),
        ("prompt", "line 1: expected a JSON object, found invalid JSON"),
        ("\n7", "line 2: expected a JSON object, found 7"),
      ] {
        try workspace.write(text, "list.jsonl")
        let run = try workspace.run("\(Self.line) -n 2 --prompts list.jsonl")
        #expect(run.status == 65)
        #expect(run.talk.contains(message), "\(run.talk)")
      }
      try workspace.expectFailure("\(Self.line.dropLast(3)) --prompts none", status: 66, "none: no such file")
    }

    @Test func aStopStringEndsTheText() throws {
      let whole = try workspace.result("\(Self.line) -p light -n 60 --temp 0")
      // From the middle of the text, wherever the tokens lie.
      let stop = String(whole.dropFirst(20).prefix(3))
      #expect(stop.utf8.count >= 3)
      let end = try #require(whole.range(of: stop))
      let line = "\(Self.line) -p light -n 60 --temp 0".split(separator: " ").map(String.init)
      let run = try workspace.run(line + ["--stop", stop, "--stop", "never there"])
      #expect(run.text == whole[..<end.lowerBound] + "\n")
      let report = try jsonObject(try workspace.run(line + ["--stop", stop, "--json"]).text)
      #expect(report["finish_reason"] as? String == "stop")
      #expect(report["text"] as? String == String(whole[..<end.lowerBound]))
    }

    @Test func logProbabilitiesAreTold() throws {
      let report = try jsonObject(
        try workspace.result("\(Self.line) -p light -n 6 --temp 0 --json --logprobs 3"))
      let entries = try #require(report["logprobs"] as? [[String: Any]])
      #expect(entries.count == 6)
      for entry in entries {
        let top = try #require(entry["top"] as? [[String: Any]])
        #expect(top.count == 3)
        #expect(top[0]["id"] as? Int == entry["id"] as? Int)
        #expect(top[0]["logprob"] as? Double == entry["logprob"] as? Double)
        let values = top.compactMap { $0["logprob"] as? Double }
        #expect(values == values.sorted(by: >) && values.allSatisfy { $0 < 0 })
      }
      let keys = [
        "chunk_length", "finish_reason", "ids", "logprobs", "model", "prompt_seconds", "prompt_tokens",
        "reused_tokens", "schema_version", "seconds", "seed", "text", "tokens", "tokens_per_second",
      ]
      #expect(report.keys.sorted() == keys)
    }

    @Test func biasesAndPenaltiesChangeTheChoice() throws {
      let line = "\(Self.line) -p light -n 12 --temp 0"
      let first = try #require(try jsonObject(try workspace.result("\(line) --json"))["ids"] as? [Int])
      let banned = try jsonObject(try workspace.result("\(line) --json --logit-bias \(first[0])-inf"))["ids"] as? [Int]
      #expect(banned?.contains(first[0]) == false)
      let forced = try jsonObject(try workspace.result("\(line) --json --logit-bias 300+1000"))["ids"] as? [Int]
      #expect(forced == [Int](repeating: 300, count: 12))
      let once = try #require(
        try jsonObject(try workspace.result("\(line) --json --presence-penalty 1000"))["ids"] as? [Int])
      #expect(Set(once).count == 12)
      // What penalties look back to goes on with the state.
      _ = try workspace.result("\(line.replacing("12", with: "5")) --presence-penalty 1000 --state-out a")
      let rest =
        try jsonObject(
          try workspace.result("\(Self.line) -n 7 --temp 0 --presence-penalty 1000 --state-in a --json"))["ids"]
        as? [Int]
      #expect(rest == Array(once.suffix(7)))
    }

    @Test func theBestBeamIsShown() throws {
      let report = try jsonObject(try workspace.result("\(Self.line) -p light -n 9 --beams 4 --json"))
      let beams = try #require(report["beams"] as? [[String: Any]])
      #expect(beams.count == 4)
      let sums = beams.compactMap { $0["logprob"] as? Double }
      #expect(sums == sums.sorted(by: >))
      #expect(
        try workspace.result("\(Self.line) -p light -n 9 --beams 4 -t 1") == (beams[0]["text"] as? String ?? "") + "\n")
    }
  }
}
