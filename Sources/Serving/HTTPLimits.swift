/// What a client may ask of a server before an answer is begun.
package struct HTTPLimits: Sendable {
  /// The most connections at a time; further ones are closed.
  package var connections = 2_048
  /// The most bytes of a request's body.
  package var bodyBytes = 4 << 20
  /// The seconds in which a connection must send a whole request.
  package var idleSeconds = 60.0
  /// The seconds in which a client must read some of what was sent.
  package var writeSeconds = 30.0

  package init() {}

  /// What reads and writes connections; nil in a build without the server.
  package static var library: String? {
    #if Server
      "SwiftNIO"
    #else
      nil
    #endif
  }

  /// The most bytes of all bodies that are in memory and not yet answered.
  var heldBytes: Int { 64 * bodyBytes }
  /// The most bytes of a stream that wait for the client to read them.
  static let unreadBytes = 1 << 20
  /// The most requests that a connection may send ahead of their answers.
  static let requestsAhead = 16
}
