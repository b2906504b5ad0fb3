import Foundation
import Synchronization
import Testing

extension CommandRuns {
  /// `retnet serve`: what completions hold, beside what `retnet generate` gives.
  @Suite struct CompletionTests {
    private let workspace: Workspace
    private let server: TestServer

    init() throws {
      workspace = try Workspace()
      server = try TestServer(workspace, "--model-name tiny")
    }

    /// Fields of a request, and the flags of `generate` that mean the same.
    private static let cases: [(fields: String, flags: String)] = [
      (#""prompt":"Light day night","max_tokens":30,"temperature":0"#, "-p Light_day_night -n 30 --temp 0"),
      (#""prompt":"Light day night","max_tokens":30,"seed":7"#, "-p Light_day_night -n 30 --temp 1 -s 7"),
      (
        #""prompt":"And the","max_tokens":25,"temperature":0.8,"top_k":40,"top_p":0.95,"min_p":0.05,"seed":3"#,
        "-p And_the -n 25 --temp 0.8 --top-k 40 --top-p 0.95 --min-p 0.05 -s 3"
      ),
      (
        #""prompt":"And the","max_tokens":25,"typical":0.9,"repeat_penalty":1.2,"repeat_last_n":16,"seed":5"#,
        "-p And_the -n 25 --temp 1 --typical 0.9 --repeat-penalty 1.2 --repeat-last-n 16 -s 5"
      ),
      (
        #""prompt":"Seas","max_tokens":25,"presence_penalty":1.5,"frequency_penalty":-0.5,"seed":1"#,
        "-p Seas -n 25 --temp 1 --presence-penalty 1.5 --frequency-penalty -0.5 -s 1"
      ),
      (
        #""prompt":"Seas","max_tokens":25,"logit_bias":{"300":5.5,"301":-100},"seed":1"#,
        "-p Seas -n 25 --temp 1 --logit-bias 300+5.5 --logit-bias 301-inf -s 1"
      ),
      (#""max_tokens":40,"seed":2"#, "-n 40 --temp 1 -s 2"),
      (#""prompt":"Day","max_tokens":60,"ignore_eos":true,"seed":4"#, "-p Day -n 60 --temp 1 --ignore-eos -s 4"),
      (#""prompt":"Day","max_tokens":60,"stop":["e",". "],"seed":4"#, "-p Day -n 60 --temp 1 --stop e --stop ._ -s 4"),
    ]

    private func generated(_ flags: String) throws -> [String: Any] {
      let words = "generate -m model.safetensors --top-k 0 --top-p 1 --min-p 0 --json \(flags)"
        .split(separator: " ").map { $0.replacingOccurrences(of: "_", with: " ") }
      let run = try workspace.run(words)
      #expect(run.status == 0, "\(flags): \(run.talk)")
      return try jsonObject(run.text)
    }

    @Test(arguments: cases.indices)
    func answersAreThoseOfGenerate(_ index: Int) throws {
      let (fields, flags) = Self.cases[index]
      let own = try generated(flags)
      let answer = try server.complete("{\(fields)}")
      #expect(answer.texts == [own["text"] as? String])
      let reason = own["finish_reason"] as? String
      #expect(answer.choices.first?["finish_reason"] as? String == (reason == "length" ? "length" : "stop"))
      #expect(answer.usage["completion_tokens"] as? Int == own["tokens"] as? Int)
      let events = try server.complete("{\(fields),\"stream\":true}").events
      #expect(events.last == "[DONE]")
      #expect(try Self.text(events) == own["text"] as? String)
    }

    /// The text of a stream's choice.
    private static func text(_ events: [String], choice: Int = 0) throws -> String {
      try events.dropLast().map { event in
        let choices = try jsonObject(event)["choices"] as? [[String: Any]] ?? []
        return choices.filter { $0["index"] as? Int == choice }.compactMap { $0["text"] as? String }.joined()
      }.joined()
    }

    /// Sixteen rows, and more clients than rows.
    @Test func answersDoNotDependOnLoad() throws {
      let requests = (0..<40).map { index in
        let words = TinyProject.text.split(separator: "\n")[index...].prefix(index % 5 * 3 + 1).joined(separator: " ")
        return #"{"prompt":"\#(words)","max_tokens":\#(5 + index % 7 * 6),"seed":\#(index),"n":\#(1 + index % 3)}"#
      }
      let alone = try requests.map { try server.complete($0).texts }
      let shared = Shared(server: server)
      let together = Mutex<[Int: [String]]>([:])
      DispatchQueue.concurrentPerform(iterations: requests.count) { index in
        let texts = (try? shared.server.complete(requests[index]).texts) ?? []
        together.withLock { $0[index] = texts }
      }
      for (index, texts) in alone.enumerated() {
        #expect(together.withLock { $0[index] } == texts, "\(requests[index])")
      }
    }

    /// Each request has a connection of its own.
    private struct Shared: @unchecked Sendable {
      let server: TestServer
    }

    @Test func promptsMayBeListsOfTextsOrIDs() throws {
      let texts = ["Light day", "And the face of the deep"]
      let ids = try texts.map { text -> [Int] in
        let answer = try server.post("/tokenize", #"{"prompt":"\#(text)"}"#)
        return try #require(answer.object["tokens"] as? [Int])
      }
      let options = #""max_tokens":12,"seed":9"#
      let alone = try texts.map { try server.complete(#"{"prompt":"\#($0)",\#(options)}"#).texts[0] }
      let lists = ids.map { "[\($0.map { "\($0)" }.joined(separator: ","))]" }
      #expect(try server.complete(#"{"prompt":["\#(texts[0])","\#(texts[1])"],\#(options)}"#).texts == alone)
      #expect(try server.complete("{\"prompt\":[\(lists[0]),\(lists[1])],\(options)}").texts == alone)
      #expect(try server.complete("{\"prompt\":\(lists[1]),\(options)}").texts == [alone[1]])
    }

    @Test func answersOfAPromptHaveSeedsInARow() throws {
      let several = try server.complete(#"{"prompt":"Night","max_tokens":10,"seed":20,"n":20}"#)
      #expect(several.choices.compactMap { $0["index"] as? Int } == Array(0..<20))
      for index in [0, 7, 19] {
        let alone = try server.complete(#"{"prompt":"Night","max_tokens":10,"seed":\#(20 + index)}"#)
        #expect(alone.texts == [several.texts[index]])
      }
    }

    @Test func theBestAreThoseWithTheHighestMeanLogProbability() throws {
      let all = try server.complete(#"{"prompt":"Night","max_tokens":10,"seed":1,"n":8,"logprobs":0}"#)
      func mean(_ choice: [String: Any]) -> Double {
        let values = (choice["logprobs"] as? [String: Any])?["token_logprobs"] as? [Double] ?? []
        return values.reduce(0, +) / Double(max(1, values.count))
      }
      let best = all.choices.sorted { mean($0) > mean($1) }.prefix(2).compactMap { $0["text"] as? String }
      let answer = try server.complete(#"{"prompt":"Night","max_tokens":10,"seed":1,"n":2,"best_of":8}"#)
      #expect(answer.texts == Array(best))
      #expect(answer.choices[0]["logprobs"] is NSNull)
    }

    @Test func logProbabilitiesAreThoseOfGenerate() throws {
      let own = try generated("-p Light_day -n 12 --temp 1 -s 3 --logprobs 3 --ignore-eos")
      let entries = try #require(own["logprobs"] as? [[String: Any]])
      let answer = try server.complete(
        #"{"prompt":"Light day","max_tokens":12,"seed":3,"logprobs":3,"ignore_eos":true}"#)
      let found = try #require(answer.choices[0]["logprobs"] as? [String: Any])
      #expect(found["token_logprobs"] as? [Double] == entries.compactMap { $0["logprob"] as? Double })
      let tops = try #require(found["top_logprobs"] as? [[String: Double]])
      for (top, entry) in zip(tops, entries) {
        let expected = try #require(entry["top"] as? [[String: Any]]).compactMap { $0["logprob"] as? Double }
        #expect(Set(top.values).isSuperset(of: expected))
      }
      #expect((found["tokens"] as? [String])?.count == 12)
      let offsets = try #require(found["text_offset"] as? [Int])
      #expect(offsets.first == 0 && offsets == offsets.sorted())
    }

    /// A prompt that holds a text and its continuation gives the continuation the probabilities that it was made with.
    /// lm-evaluation-harness counts on one entry behind the prompt.
    @Test func anEndHasAnEntryToo() throws {
      let info = try server.get("/tokenizer_info").object
      let (eos, name) = (info["eos_token_id"] as? Int ?? -1, info["eos_token"] as? String)
      let answer = try server.complete(
        #"{"prompt":"Day","max_tokens":1,"logprobs":1,"echo":true,"logit_bias":{"\#(eos)":100}}"#)
      let found = try #require(answer.choices[0]["logprobs"] as? [String: Any])
      let tokens = found["tokens"] as? [String] ?? []
      #expect(tokens.last == name && tokens.dropLast().joined() == "Day" && answer.texts == ["Day"])
      #expect(answer.choices[0]["finish_reason"] as? String == "stop")
    }

    @Test func promptsHaveLogProbabilities() throws {
      let prompt = try #require(try server.post("/tokenize", #"{"prompt":"Light day"}"#).object["tokens"] as? [Int])
      let own = try generated("-p Light_day -n 90 --temp 0 --ignore-eos --logprobs 1")
      let (ids, entries) = (own["ids"] as? [Int] ?? [], own["logprobs"] as? [[String: Any]] ?? [])
      let all = (prompt + ids).map { "\($0)" }.joined(separator: ",")
      let read = try server.complete(
        "{\"prompt\":[\(all)],\"max_tokens\":1,\"temperature\":0,\"logprobs\":1,\"echo\":true,\"ignore_eos\":true}")
      let choice = try #require(read.choices.first)
      let found = try #require(choice["logprobs"] as? [String: Any])
      let values = try #require(found["token_logprobs"] as? [Any]).compactMap { $0 as? Double }
      // BOS is before the prompt, so that its first token has a probability too. One token is generated.
      #expect(values.count == prompt.count + ids.count + 1)
      #expect((found["tokens"] as? [String])?.count == values.count)
      #expect(read.usage["prompt_tokens"] as? Int == prompt.count + ids.count)
      // The forms round differently.
      for (a, b) in zip(values.dropFirst(prompt.count), entries) {
        #expect(abs(a - (b["logprob"] as? Double ?? 0)) < 1e-4)
      }
    }

    @Test func aPromptIsReadOnce() throws {
      let prompt = TinyProject.text.split(separator: "\n").prefix(12).joined(separator: " ")
      let body = #"{"prompt":"\#(prompt)","max_tokens":8,"seed":1}"#
      let (first, second) = (try server.complete(body), try server.complete(body))
      #expect(first.texts == second.texts)
      func cached(_ answer: TestServer.Answer) -> Int? {
        (answer.usage["prompt_tokens_details"] as? [String: Int])?["cached_tokens"]
      }
      #expect(cached(first) == 0)
      #expect(try #require(cached(second)) >= 64)
      let longer = try server.complete(#"{"prompt":"\#(prompt) And the","max_tokens":8,"seed":1}"#)
      #expect(try #require(cached(longer)) >= 64)
      #expect(
        try generated("-p \(prompt.replacingOccurrences(of: " ", with: "_"))_And_the -n 8 --temp 1 -s 1")["text"]
          as? String == longer.texts[0])
    }

    @Test func streamsEndWithTheUsageIfAsked() throws {
      let events = try server.complete(
        #"{"prompt":"Day","max_tokens":5,"n":3,"stream":true,"stream_options":{"include_usage":true},"ignore_eos":true}"#
      ).events
      let parts = try events.dropLast().map { try jsonObject($0) }
      #expect(parts.dropLast().allSatisfy { $0["usage"] is NSNull })
      #expect((parts.last?["choices"] as? [Any])?.isEmpty == true)
      #expect((parts.last?["usage"] as? [String: Any])?["completion_tokens"] as? Int == 15)
      let reasons = parts.flatMap { $0["choices"] as? [[String: Any]] ?? [] }.filter { $0["finish_reason"] is String }
      #expect(Set(reasons.compactMap { $0["index"] as? Int }) == [0, 1, 2] && reasons.count == 3)
    }

    @Test(arguments: [
      (#"{"prompt":3}"#, 400, "prompt"), (#"{"prompt":[]}"#, 400, "prompt"), (#"{"prompt":[1,"a"]}"#, 400, "prompt"),
      (#"{"prompt":[99999]}"#, 400, "prompt"), (#"{"prompt":[[1],[-1]]}"#, 400, "prompt"),
      (#"{"max_tokens":-1}"#, 400, "max_tokens"), (#"{"max_tokens":1.5}"#, 400, "max_tokens"),
      (#"{"max_tokens":99999999}"#, 400, "max_tokens"), (#"{"temperature":2.5}"#, 400, "temperature"),
      (#"{"temperature":"hot"}"#, 400, "temperature"), (#"{"top_p":0}"#, 400, "top_p"), (#"{"n":0}"#, 400, "n"),
      (#"{"n":129}"#, 400, "n"), (#"{"n":4,"best_of":3}"#, 400, "best_of"),
      (#"{"n":1,"best_of":3,"stream":true}"#, 400, "best_of"), (#"{"stop":[]"#, 400, nil),
      (#"{"stop":""}"#, 400, "stop"),
      (#"{"stop":[1]}"#, 400, "stop"), (#"{"logprobs":21}"#, 400, "logprobs"), (#"{"logprobs":true}"#, 400, "logprobs"),
      (#"{"logit_bias":{"a":1}}"#, 400, "logit_bias"), (#"{"logit_bias":{"1":101}}"#, 400, "logit_bias"),
      (#"{"logit_bias":[]}"#, 400, "logit_bias"), (#"{"suffix":"x"}"#, 400, "suffix"), (#"{"echo":1}"#, 400, "echo"),
      (#"{"stream":"yes"}"#, 400, "stream"), (#"{"model":"other"}"#, 404, "model"),
      (#"{"state":"none"}"#, 404, "state"),
      (#"{"state":"../x"}"#, 400, "state"), (#"{"save_state":".x"}"#, 400, "save_state"),
      (#"{"save_state":"x","n":2}"#, 400, "save_state"), ("[]", 400, nil), ("nothing", 400, nil),
      (#"{"prompt":"\ud800"}"#, 400, nil),
    ])
    func wrongFieldsAreNamed(_ body: String, _ status: Int, _ field: String?) throws {
      let answer = try server.post("/v1/completions", body)
      #expect(answer.status == status, "\(body): \(answer.text)")
      #expect(answer.error["param"] as? String == field, "\(body): \(answer.text)")
      #expect(answer.error["type"] as? String == "invalid_request_error")
      #expect((answer.error["message"] as? String)?.contains("expected") == true || status == 404, "\(answer.text)")
    }

    @Test func whatEveryBiasForbidsIsNoAnswer() throws {
      let biases = (0..<320).map { "\"\($0)\":-100" }.joined(separator: ",")
      let answer = try server.post("/v1/completions", "{\"prompt\":\"Day\",\"logit_bias\":{\(biases)}}")
      #expect(answer.status == 400 && answer.error["param"] as? String == "logit_bias", "\(answer.text)")
      #expect(try server.complete(#"{"prompt":"Day","max_tokens":2}"#).texts.count == 1)
    }

    /// Foundation's decoder ends the process on some of these.
    @Test(arguments: [255, 256, 257, 511, 512, 513, 514, 100_000])
    func deepJSONIsRefused(_ depth: Int) throws {
      for body in [String(repeating: "[", count: depth), #"{"prompt":"# + String(repeating: "[", count: depth - 1)] {
        #expect(try server.post("/v1/completions", body).status == 400)
      }
      #expect(try server.get("/health").status == 200)
    }

    @Test func chatNeedsATemplate() throws {
      let answer = try server.post("/v1/chat/completions", #"{"messages":[{"role":"user","content":"Hi"}]}"#)
      #expect(answer.status == 400 && answer.error["param"] as? String == "messages", "\(answer.text)")
    }
  }
}
