import Foundation
import Glibc
import Testing

/// A running `retnet serve`, and what a client asks of it.
final class TestServer {
  let running: RunningBinary
  let port: UInt16

  /// Starts a server of the workspace's model on a free port.
  init(_ workspace: Workspace, _ options: String = "") throws {
    let running = try RunningBinary("serve -m model.safetensors --port 0 -q \(options)", in: workspace.folder)
    let marker = "listening on http://127.0.0.1:"
    try running.wait { running.talk.contains(marker) && running.talk.hasSuffix("\n") }
    let words = running.talk.components(separatedBy: marker)
    self.running = running
    port = try #require(UInt16(words[1].trimmingCharacters(in: .whitespacesAndNewlines)))
  }

  /// An answer.
  struct Answer {
    let status: Int
    let headers: [String: String]
    let text: String

    /// The JSON object.
    var object: [String: Any] {
      (try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]) ?? [:]
    }

    var error: [String: Any] { object["error"] as? [String: Any] ?? [:] }
    var choices: [[String: Any]] { object["choices"] as? [[String: Any]] ?? [] }
    /// The texts of the choices.
    var texts: [String] { choices.compactMap { $0["text"] as? String } }
    var usage: [String: Any] { object["usage"] as? [String: Any] ?? [:] }

    /// The data of the events of a stream.
    var events: [String] {
      text.components(separatedBy: "\n\n").filter { $0.hasPrefix("data: ") }.map { String($0.dropFirst(6)) }
    }
  }

  /// Sends a request, and reads the answer to its end.
  func send(_ method: String, _ path: String, _ body: String = "", headers: [String] = []) throws -> Answer {
    let connection = try Connection(port)
    let lines =
      ["\(method) \(path) HTTP/1.1", "Host: 127.0.0.1:\(port)", "Connection: close"] + headers
      + (body.isEmpty && method == "GET" ? [] : ["Content-Length: \(body.utf8.count)"])
    connection.write(lines.joined(separator: "\r\n") + "\r\n\r\n" + body)
    return try connection.answer()
  }

  func get(_ path: String, headers: [String] = []) throws -> Answer { try send("GET", path, headers: headers) }
  func post(_ path: String, _ body: String, headers: [String] = []) throws -> Answer {
    try send("POST", path, body, headers: headers)
  }

  /// A completion, which must succeed.
  func complete(_ body: String, sourceLocation: SourceLocation = #_sourceLocation) throws -> Answer {
    let answer = try post("/v1/completions", body)
    #expect(answer.status == 200, "\(body): \(answer.text)", sourceLocation: sourceLocation)
    return answer
  }

  /// A figure of `/metrics`.
  func metric(_ name: String) throws -> Double {
    let line = try get("/metrics").text.split(separator: "\n").first { $0.hasPrefix("retnet_\(name){") }
    return try #require(line.flatMap { $0.split(separator: " ").last }.flatMap { Double($0) }, "\(name)")
  }

  /// Waits until a figure has a value.
  func wait(for name: String, _ value: Double) throws { try running.wait { (try? metric(name)) == value } }
}

/// A connection of a client.
final class Connection {
  private let socket: Int32

  init(_ port: UInt16) throws {
    socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let status = unsafe withUnsafePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    try #require(status == 0, "connect: \(errno)")
  }

  deinit { close() }

  private var isOpen = true

  func close() {
    if isOpen { _ = Glibc.close(socket) }
    isOpen = false
  }

  func write(_ text: String) { write(Array(text.utf8)) }

  func write(_ bytes: [UInt8]) {
    var sent = 0
    while sent < bytes.count {
      let count = unsafe Array(bytes[sent...]).withUnsafeBytes {
        unsafe send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { return }
      sent += count
    }
  }

  /// Reads what comes next; empty at the end.
  func read() -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 65_536)
    let count = unsafe recv(socket, &bytes, bytes.count, 0)
    return Array(bytes.prefix(max(0, count)))
  }

  /// Reads until the server closes the connection.
  func answer() throws -> TestServer.Answer {
    var bytes: [UInt8] = []
    while true {
      let more = read()
      if more.isEmpty { break }
      bytes += more
    }
    let text = String(decoding: bytes, as: UTF8.self)
    let parts = text.components(separatedBy: "\r\n\r\n")
    let lines = parts[0].components(separatedBy: "\r\n")
    var headers: [String: String] = [:]
    for line in lines.dropFirst() {
      let words = line.split(separator: ":", maxSplits: 1)
      if words.count == 2 { headers[words[0].lowercased()] = words[1].trimmingCharacters(in: .whitespaces) }
    }
    let body = Array(bytes.dropFirst(parts[0].utf8.count + 4))
    let isChunked = headers["transfer-encoding"] == "chunked"
    return TestServer.Answer(
      status: Int(lines[0].split(separator: " ").dropFirst().first ?? "") ?? 0, headers: headers,
      text: String(decoding: isChunked ? Self.unchunked(body) : body, as: UTF8.self))
  }

  private static func unchunked(_ bytes: [UInt8]) -> [UInt8] {
    var (rest, body) = (bytes[...], [UInt8]())
    while let end = rest.firstIndex(of: 13) {
      guard let count = Int(String(decoding: rest[..<end], as: UTF8.self), radix: 16), count > 0 else { break }
      body += rest[(end + 2)...].prefix(count)
      rest = rest[(end + 2)...].dropFirst(count + 2)
    }
    return body
  }
}
