import Foundation
import Testing

extension CommandRuns {
  /// `retnet serve`: contexts as resources.
  @Suite struct NamedStateTests {
    private let workspace: Workspace

    init() throws { workspace = try Workspace() }

    /// The state behind an answer goes on as the text does that was never interrupted.
    @Test func anAnswerCanLeaveAStateAndBeginFromIt() throws {
      let server = try TestServer(workspace)
      let whole = try server.complete(#"{"prompt":"Light day","max_tokens":40,"temperature":0,"ignore_eos":true}"#)
      let first = try server.complete(
        #"{"prompt":"Light day","max_tokens":23,"temperature":0,"ignore_eos":true,"save_state":"a"}"#)
      let second = try server.complete(#"{"state":"a","max_tokens":17,"temperature":0,"ignore_eos":true}"#)
      #expect(first.texts[0] + second.texts[0] == whole.texts[0])
      // A state stays as it was, and may be left under its own name.
      for _ in 0..<2 {
        let again = try server.complete(#"{"state":"a","max_tokens":17,"temperature":0,"ignore_eos":true}"#)
        #expect(again.texts == second.texts)
      }
      _ = try server.complete(
        #"{"state":"a","max_tokens":9,"temperature":0,"ignore_eos":true,"save_state":"a"}"#)
      let rest = try server.complete(#"{"state":"a","max_tokens":8,"temperature":0,"ignore_eos":true}"#)
      #expect(second.texts[0].hasSuffix(rest.texts[0]))
    }

    @Test func aStateIsTheFileThatGenerateWrites() throws {
      let server = try TestServer(workspace, "--state-dir states --undo-window 200")
      _ = try server.complete(
        #"{"prompt":"Light day night","max_tokens":90,"seed":4,"ignore_eos":true,"save_state":"a"}"#)
      #expect(try server.post("/v1/states/a/save", "").object["saved"] as? Bool == true)
      let run = try workspace.run([
        "generate", "-m", "model.safetensors", "-p", "Light day night", "-n", "90", "--temp", "1", "--top-k", "0",
        "--top-p", "1", "--min-p", "0", "-s", "4", "--ignore-eos", "--state-out", "b.state", "--undo-window", "200",
      ])
      #expect(run.status == 0, "\(run.talk)")
      #expect(try workspace.run("state diff states/a.state b.state").status == 0)
      let goOn = "generate -m model.safetensors -n 20 --temp 0"
      #expect(
        try workspace.result("\(goOn) --state-in states/a.state") == workspace.result("\(goOn) --state-in b.state"))
    }

    @Test func undoGoesBackThroughPromptsAndAnswers() throws {
      let server = try TestServer(workspace, "--undo-window 100")
      func answer(_ state: String) throws -> String {
        try server.complete(#"{"state":"\#(state)","max_tokens":12,"temperature":0,"ignore_eos":true}"#).texts[0]
      }
      let fields = #""temperature":0,"ignore_eos":true"#
      _ = try server.complete(#"{"prompt":"Light day night","max_tokens":40,\#(fields),"save_state":"a"}"#)
      let before = try answer("a")
      let tokens = try #require(try server.get("/v1/states/a").object["tokens"] as? Int)
      _ = try server.complete(#"{"state":"a","prompt":" And the face","max_tokens":30,\#(fields),"save_state":"a"}"#)
      let after = try #require(try server.get("/v1/states/a").object["tokens"] as? Int)
      let undone = try server.post("/v1/states/a/undo", "{\"tokens\":\(after - tokens)}")
      #expect(undone.status == 200 && undone.object["tokens"] as? Int == tokens, "\(undone.text)")
      #expect(try answer("a") == before)
      let tooMany = try server.post("/v1/states/a/undo", #"{"tokens":100000}"#)
      #expect(tooMany.status == 400 && tooMany.error["param"] as? String == "tokens")
    }

    @Test func statesAreMadeForkedListedAndDeleted() throws {
      let server = try TestServer(workspace)
      let made = try server.send("PUT", "/v1/states/a", #"{"prompt":"Light day"}"#)
      #expect(made.status == 200 && made.object["in_memory"] as? Bool == true, "\(made.text)")
      let direct = try server.complete(#"{"prompt":"Light day night","max_tokens":9,"temperature":0}"#)
      let later = try server.complete(#"{"state":"a","prompt":" night","max_tokens":9,"temperature":0}"#)
      #expect(direct.texts == later.texts)
      #expect(try server.post("/v1/states/a/fork", #"{"to":"b"}"#).status == 200)
      #expect(try server.post("/v1/states/a/fork", #"{"to":"b"}"#).error["code"] as? String == "state_exists")
      _ = try server.send("PUT", "/v1/states/a", #"{"state":"a","prompt":" and"}"#)
      func tokens(_ name: String) throws -> Int? { try server.get("/v1/states/\(name)").object["tokens"] as? Int }
      #expect(try #require(try tokens("a")) > #require(try tokens("b")))
      let list = try #require(try server.get("/v1/states").object["data"] as? [[String: Any]])
      #expect(list.compactMap { $0["id"] as? String } == ["a", "b"])
      #expect(try server.send("DELETE", "/v1/states/a").status == 200)
      #expect(try server.send("DELETE", "/v1/states/a").status == 404)
      #expect(try server.get("/v1/states/a").error["code"] as? String == "state_not_found")
      #expect(try server.post("/v1/states/b/save", "").status == 400)
    }

    @Test func savedStatesOutliveTheServer() throws {
      var expected = ""
      do {
        let server = try TestServer(workspace, "--state-dir states")
        _ = try server.send("PUT", "/v1/states/kept", #"{"prompt":"And the face of the"}"#)
        expected = try server.complete(#"{"state":"kept","max_tokens":20,"temperature":0}"#).texts[0]
        _ = try server.send("PUT", "/v1/states/lost", #"{"prompt":"x"}"#)
        #expect(try server.post("/v1/states/kept/save", "").status == 200)
        server.running.signal(SIGKILL)
        #expect(server.running.status() == 137)
      }
      let server = try TestServer(workspace, "--state-dir states")
      let list = try #require(try server.get("/v1/states").object["data"] as? [[String: Any]])
      #expect(list.compactMap { $0["id"] as? String } == ["kept"] && list[0]["in_memory"] as? Bool == false)
      // It is read when it is needed.
      #expect(try server.complete(#"{"state":"kept","max_tokens":20,"temperature":0}"#).texts == [expected])
      #expect(try server.post("/v1/states/kept/load", "").object["saved"] as? Bool == true)
      #expect(try server.post("/v1/states/lost/load", "").status == 404)
      try workspace.write("no state", "states/bad.state")
      let bad = try server.post("/v1/states/bad/load", "")
      #expect(bad.status == 400 && bad.error["param"] as? String == "state", "\(bad.text)")
      #expect(try server.send("DELETE", "/v1/states/kept").status == 200)
      #expect(!FileManager.default.fileExists(atPath: workspace.path("states/kept.state")))
    }

    @Test(arguments: ["..", "../a", "%2e%2e", ".a", "a%00", "a%2Fb", "a b", String(repeating: "a", count: 65), ""])
    func noNameLeavesTheFolder(_ name: String) throws {
      let server = try TestServer(workspace, "--state-dir states")
      let before = try workspace.contents.keys.filter { !$0.hasPrefix("standard-error") }.sorted()
      for (method, path) in [("PUT", ""), ("POST", "/save"), ("POST", "/load"), ("DELETE", "")] {
        let answer = try server.send(
          method, "/v1/states/\(name.replacingOccurrences(of: " ", with: "%20"))\(path)", "{}")
        #expect([400, 404, 405].contains(answer.status), "\(method) \(name): \(answer.text)")
      }
      #expect(try workspace.contents.keys.filter { !$0.hasPrefix("standard-error") }.sorted() == before)
    }

    @Test func thereAreAsManyStatesAsAllowed() throws {
      let server = try TestServer(workspace, "--state-dir states --max-states 2")
      for name in ["a", "b"] { #expect(try server.send("PUT", "/v1/states/\(name)", "{}").status == 200) }
      #expect(try server.send("PUT", "/v1/states/c", "{}").status == 429)
      // One that is saved makes room.
      #expect(try server.post("/v1/states/a/save", "").status == 200)
      #expect(try server.send("PUT", "/v1/states/c", "{}").status == 200)
      #expect(try server.get("/v1/states/a").object["in_memory"] as? Bool == false)
    }
  }
}
