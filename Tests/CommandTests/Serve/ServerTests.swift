import Foundation
import Testing

extension CommandRuns {
  /// `retnet serve`: addresses, keys, limits, clients that go away, and the end.
  @Suite struct ServerTests {
    private let workspace: Workspace

    init() throws { workspace = try Workspace() }

    @Test func everyEndpointAnswers() throws {
      let server = try TestServer(workspace)
      #expect(try server.get("/health").text == #"{"status":"ok"}"#)
      #expect(try server.get("/v1/health").status == 200)
      let models = try #require(try server.get("/v1/models").object["data"] as? [[String: Any]])
      let name = try #require(models.first?["id"] as? String)
      #expect(try server.get("/v1/models/\(name)").status == 200)
      #expect(try server.get("/v1/models/other").error["code"] as? String == "model_not_found")
      let properties = try server.get("/props").object
      #expect(properties["vocab_size"] as? Int == 320 && properties["has_states"] as? Bool == true)
      let tokens = try #require(try server.post("/tokenize", #"{"content":"Light day"}"#).object["tokens"] as? [Int])
      let list = tokens.map { "\($0)" }.joined(separator: ",")
      #expect(try server.post("/detokenize", "{\"tokens\":[\(list)]}").object["content"] as? String == "Light day")
      let info = try server.get("/tokenizer_info").object
      let eos = try #require(info["eos_token"] as? String)
      let special = try server.post("/tokenize", #"{"prompt":"\#(eos)","add_special_tokens":false}"#).object
      #expect(special["tokens"] as? [Int] == [try #require(info["eos_token_id"] as? Int)])
      #expect(try server.get("/metrics").text.contains("# TYPE retnet_time_to_first_token_seconds histogram"))
      let page = try server.get("/")
      #expect(page.text.hasPrefix("<!doctype html>") && page.headers["content-security-policy"] != nil)
      #expect(try server.get("/nothing").status == 404)
      #expect(try server.get("/v1/completions").status == 405)
      #expect(try server.send("HEAD", "/health").status == 200)
    }

    @Test func aKeyIsNeededIfThereAreKeys() throws {
      try workspace.write("first-key\nsecond-key\n", "keys")
      let server = try TestServer(workspace, "--api-key-file keys")
      #expect(try server.get("/health").status == 200)
      for header in [nil, "Bearer ", "Bearer wrong", "Bearer first-key2", "Basic first-key"] {
        let answer = try server.get("/v1/models", headers: header.map { ["Authorization: \($0)"] } ?? [])
        #expect(answer.status == 401 && answer.error["code"] as? String == "invalid_api_key", "\(header ?? "")")
      }
      for key in ["first-key", "second-key"] {
        #expect(try server.get("/v1/models", headers: ["Authorization: Bearer \(key)"]).status == 200)
      }
      #expect(!server.running.talk.contains("key"))
    }

    @Test func withoutKeysAnyKeyIsTaken() throws {
      let server = try TestServer(workspace)
      #expect(try server.get("/v1/models", headers: ["Authorization: Bearer "]).status == 200)
    }

    @Test func pagesOfOtherOriginsMayNotCall() throws {
      let server = try TestServer(workspace, "--cors-origin https://good.example")
      let body = #"{"prompt":"Day","max_tokens":1}"#
      let own = "Origin: http://127.0.0.1:\(server.port)"
      #expect(try server.post("/v1/completions", body, headers: [own]).status == 200)
      let bad = try server.post("/v1/completions", body, headers: ["Origin: https://bad.example"])
      #expect(bad.status == 403 && bad.headers["access-control-allow-origin"] == nil)
      let good = try server.post("/v1/completions", body, headers: ["Origin: https://good.example"])
      #expect(good.status == 200 && good.headers["access-control-allow-origin"] == "https://good.example")
      let asked = try server.send("OPTIONS", "/v1/completions", headers: ["Origin: https://good.example"])
      #expect(asked.status == 204 && asked.headers["access-control-allow-methods"] != nil)
    }

    @Test func largeRequestsAreRefused() throws {
      let server = try TestServer(workspace, "--max-body 1000 --max-prompt-tokens 20 --max-completion-tokens 5")
      let long = String(repeating: "day ", count: 300)
      #expect(try server.post("/v1/completions", #"{"prompt":"\#(long)"}"#).status == 413)
      let chunked = try Connection(server.port)
      chunked.write("POST /v1/completions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
      chunked.write("800\r\n" + String(repeating: "a", count: 2_048) + "\r\n0\r\n\r\n")
      #expect(try chunked.answer().status == 413)
      let tokens = try server.post("/v1/completions", #"{"prompt":"\#(long.prefix(200))"}"#)
      #expect(tokens.status == 400 && tokens.error["param"] as? String == "prompt")
      #expect(try server.post("/v1/completions", #"{"max_tokens":6}"#).error["param"] as? String == "max_tokens")
    }

    @Test(arguments: [
      "nonsense\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "POST /v1/completions HTTP/1.1\r\nContent-Length: x\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nBad header\r\n\r\n",
      "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
    ])
    func whatIsNoRequestIsToldSo(_ text: String) throws {
      let server = try TestServer(workspace)
      let connection = try Connection(server.port)
      connection.write(text)
      let answer = try connection.answer()
      #expect(answer.status == 400 && answer.error["type"] as? String == "invalid_request_error", "\(answer.text)")
      #expect(try server.get("/health").status == 200)
    }

    @Test func aHeadBeforeARefusalTakesNoBodyFromIt() throws {
      let server = try TestServer(workspace)
      let connection = try Connection(server.port)
      connection.write("HEAD /health HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(String(decoding: connection.read(), as: UTF8.self).hasPrefix("HTTP/1.1 200 OK"))
      connection.write("nonsense\r\n\r\n")
      #expect(try connection.answer().error["type"] as? String == "invalid_request_error")
    }

    @Test func requestsMayFollowEachOtherOnAConnection() throws {
      let server = try TestServer(workspace)
      let connection = try Connection(server.port)
      let body = #"{"prompt":"Day","max_tokens":3,"temperature":0}"#
      let post = "POST /v1/completions HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.utf8.count)\r\n"
      connection.write(
        post + "\r\n" + body + "GET /health HTTP/1.1\r\nHost: a\r\n\r\n" + post + "Connection: close\r\n\r\n" + body)
      let text = try connection.answer().text
      #expect(text.components(separatedBy: "HTTP/1.1 200 OK").count == 3)
      #expect(text.components(separatedBy: "text_completion").count == 3)
      #expect(text.contains(#"{"status":"ok"}"#))
    }

    @Test func aConnectionMustSendItsRequestInTime() throws {
      let server = try TestServer(workspace, "--idle-timeout 0.3")
      let (silent, slow) = (try Connection(server.port), try Connection(server.port))
      slow.write("POST /v1/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{")
      #expect(try slow.answer().status == 408)
      #expect(silent.read().isEmpty)
    }

    @Test func aClientThatGoesAwayFreesItsRow() throws {
      let server = try TestServer(workspace, "--parallel 1 --max-completion-tokens 1000000000")
      for stream in [false, true] {
        let client = try Connection(server.port)
        let body = #"{"prompt":"Day","max_tokens":1000000000,"ignore_eos":true,"stream":\#(stream)}"#
        client.write("POST /v1/completions HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.utf8.count)\r\n\r\n" + body)
        try server.wait(for: "requests_running", 1)
        client.close()
        try server.wait(for: "requests_running", 0)
        #expect(try server.complete(#"{"prompt":"Day","max_tokens":2}"#).texts.count == 1)
      }
      #expect(try server.metric("requests_cancelled_total") == 2)
      #expect(try server.metric("rows_running") == 0)
    }

    @Test func aClientThatDoesNotReadIsDropped() throws {
      let server = try TestServer(workspace, "--write-timeout 0.5 --max-completion-tokens 1000000000")
      let client = try Connection(server.port)
      let body = #"{"prompt":"Day","max_tokens":1000000000,"ignore_eos":true,"stream":true,"logprobs":20}"#
      client.write("POST /v1/completions HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.utf8.count)\r\n\r\n" + body)
      try server.wait(for: "requests_running", 1)
      try server.wait(for: "requests_running", 0)
      client.close()
    }

    @Test func moreRequestsThanMayWaitAreTold() throws {
      let server = try TestServer(workspace, "--parallel 1 --max-queue 1 --max-completion-tokens 1000000000")
      let body = #"{"prompt":"Day","max_tokens":1000000000,"ignore_eos":true}"#
      let text = "POST /v1/completions HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.utf8.count)\r\n\r\n" + body
      let first = try Connection(server.port)
      first.write(text)
      try server.wait(for: "requests_running", 1)
      let second = try Connection(server.port)
      second.write(text)
      try server.wait(for: "requests_waiting", 1)
      let answer = try server.post("/v1/completions", body)
      #expect(answer.status == 429 && answer.headers["retry-after"] != nil, "\(answer.text)")
      #expect(answer.error["type"] as? String == "rate_limit_error")
      first.close()
      try server.wait(for: "requests_waiting", 0)
      second.close()
      try server.wait(for: "requests_running", 0)
    }

    @Test func aRequestThatTakesTooLongIsEnded() throws {
      let server = try TestServer(workspace, "--max-time 0.5 --max-completion-tokens 1000000000")
      let fields = #""prompt":"Day","max_tokens":1000000000,"ignore_eos":true"#
      let whole = try server.post("/v1/completions", "{\(fields)}")
      #expect(whole.status == 503 && whole.error["code"] as? String == "timeout", "\(whole.text)")
      let stream = try server.post("/v1/completions", "{\(fields),\"stream\":true}")
      #expect(stream.status == 200 && stream.events.last?.contains(#""code":"timeout""#) == true)
    }

    @Test(arguments: [SIGTERM, SIGINT])
    func aSignalLetsAnswersEnd(_ signal: Int32) throws {
      let server = try TestServer(workspace, "--drain-time 0.5 --max-completion-tokens 1000000000")
      let client = try Connection(server.port)
      let body = #"{"prompt":"Day","max_tokens":1000000000,"ignore_eos":true,"stream":true}"#
      client.write("POST /v1/completions HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.utf8.count)\r\n\r\n" + body)
      try server.wait(for: "requests_running", 1)
      server.running.signal(signal)
      let answer = try client.answer()
      #expect(answer.events.last?.contains("the server is stopping") == true)
      #expect(server.running.status() == 0)
    }

    @Test func aServerWithNothingToDoEndsAtOnce() throws {
      let server = try TestServer(workspace, "--drain-time 100")
      let idle = try Connection(server.port)
      server.running.signal(SIGTERM)
      #expect(server.running.status() == 0)
      #expect(idle.read().isEmpty)
    }

    @Test func anAddressInUseIsAnError() throws {
      let server = try TestServer(workspace)
      try workspace.expectFailure(
        "serve -m model.safetensors --port \(server.port)", status: 73, "127.0.0.1:\(server.port): cannot listen")
      try workspace.write("", "empty-keys")
      try workspace.expectFailure(
        "serve -m model.safetensors --port 0 --api-key-file empty-keys", status: 65, "expected a key, found none")
    }
  }
}
