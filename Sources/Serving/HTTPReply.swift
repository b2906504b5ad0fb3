internal import Synchronization

/// A part of an answer, in the order in which they are sent: a head, bytes, the end.
package enum ReplyPart: Sendable {
  /// - Parameter byteCount: The length of the body; nil: it comes in chunks until the end.
  case head(status: Int, headers: [HTTPField], byteCount: Int?)
  case bytes([UInt8])
  case end
}

/// The answer to one request, which any thread may send, one thread at a time.
///
/// Sending never waits. When the client has gone, or does not read what was sent, `isGone` becomes true, and further
/// parts are dropped.
package final class HTTPReply: Sendable {
  private let sendPart: @Sendable (ReplyPart) -> Void
  private let gone = Atomic(false)

  /// - Parameter send: Takes the parts of the answer.
  package init(send: @escaping @Sendable (ReplyPart) -> Void) { sendPart = send }

  /// Whether nobody waits for the answer any more.
  package var isGone: Bool { gone.load(ordering: .relaxed) }

  /// Called by the connection when it is closed.
  package func clientHasGone() { gone.store(true, ordering: .relaxed) }

  /// Sends a whole answer.
  ///
  /// - Parameters:
  ///   - status: The HTTP status.
  ///   - headers: Headers besides `Content-Length`.
  ///   - body: The bytes.
  package func send(status: Int, headers: [HTTPField], body: [UInt8]) {
    send(.head(status: status, headers: headers, byteCount: body.count))
    if !body.isEmpty { send(.bytes(body)) }
    send(.end)
  }

  /// Sends a part.
  package func send(_ part: ReplyPart) {
    if !isGone { sendPart(part) }
  }
}
