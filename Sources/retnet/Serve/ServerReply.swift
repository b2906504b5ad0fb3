internal import Configurations
internal import Serving

/// The answer to a request in the forms of the API: JSON, an error, or server-sent events.
struct ServerReply: Sendable {
  let reply: HTTPReply
  /// The path in metrics.
  let endpoint: String
  let metrics: ServerMetrics
  /// Headers that every answer has.
  var headers: [HTTPField] = []

  var isGone: Bool { reply.isGone }

  func send(_ status: Int, _ type: String, _ body: [UInt8], _ more: [HTTPField] = []) {
    metrics.answered(endpoint, status: status)
    reply.send(status: status, headers: [HTTPField("Content-Type", type)] + headers + more, body: body)
  }

  func json(_ text: String, status: Int = 200) { send(status, "application/json", Array(text.utf8)) }

  func json(_ value: JSONValue, status: Int = 200) {
    // The encoder rejects only numbers that JSON cannot hold, and those are null.
    json((try? sortedJSON(value)) ?? "null", status: status)
  }

  func error(_ error: ErrorBody) {
    var more: [HTTPField] = []
    if error.status == 429 { more.append(HTTPField("Retry-After", "1")) }
    if error.status == 401 { more.append(HTTPField("WWW-Authenticate", "Bearer")) }
    send(error.status, "application/json", error.bytes, more)
  }

  /// Begins a stream of events.
  func beginEvents() {
    metrics.answered(endpoint, status: 200)
    let own = [HTTPField("Content-Type", "text/event-stream"), HTTPField("Cache-Control", "no-cache")]
    reply.send(.head(status: 200, headers: own + [HTTPField("X-Accel-Buffering", "no")] + headers, byteCount: nil))
  }

  func event(_ text: String) { reply.send(.bytes(Array("data: \(text)\n\n".utf8))) }
  /// A line that clients ignore.
  func ping() { reply.send(.bytes(Array(":\n\n".utf8))) }
  func endEvents() { reply.send(.end) }
}
