#if Server
  internal import NIOCore
  internal import NIOHTTP1
  internal import Synchronization

  /// One connection: collects requests, passes them on one at a time, and writes the parts of their answers.
  ///
  /// It runs on the thread of its connection. Reading goes on while an answer is made, which is how a client that goes
  /// away is noticed. A connection must send each request within the idle time, byte by byte or at once.
  final class ConnectionHandler: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = ReplyPart
    typealias OutboundOut = HTTPServerResponsePart

    /// An event: no further requests are wanted.
    struct Drain: Sendable {}

    private let connections: Connections
    private let unread = UnreadBytes()
    private let handle: (HTTPRequest, HTTPReply) -> Void

    /// The request that is arriving.
    private var head: HTTPRequestHead?
    private var body = ByteBuffer()
    /// Requests that arrived before the answer to the one before them.
    private var waiting: [(request: HTTPRequest, keepsAlive: Bool)] = []
    /// The answer that is being made.
    private var reply: HTTPReply?
    private var keepsAlive = true
    private var isHead = false
    /// Whether the head of the answer was written.
    private var hasBegun = false
    /// Whether what arrives is ignored, as the connection is closed behind an answer.
    private var isClosing = false
    private var idle: Scheduled<Void>?
    private var writing: Scheduled<Void>?
    private var held = 0

    /// - Parameters:
    ///   - connections: Counts the connection and what it holds.
    ///   - handle: Receives each request, with the reply that sends its answer.
    init(_ connections: Connections, handle: @escaping (HTTPRequest, HTTPReply) -> Void) {
      self.connections = connections
      self.handle = handle
    }

    func handlerAdded(context: ChannelHandlerContext) { expectRequest(context) }

    func channelInactive(context: ChannelHandlerContext) {
      idle?.cancel()
      writing?.cancel()
      reply?.clientHasGone()
      waiting = []
      release()
      connections.remove(context.channel)
      context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
      guard event is Drain else { return context.fireUserInboundEventTriggered(event) }
      if reply == nil, head == nil { context.close(promise: nil) } else { keepsAlive = false }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
      guard error is HTTPParserError else { return context.close(promise: nil) }
      refuse(context, 400, "expected an HTTP/1.1 request, found \(error)")
    }

    // MARK: - Requests

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      guard !isClosing else { return }
      switch unwrapInboundIn(data) {
      case .head(let head): begin(context, head)
      case .body(let bytes): append(context, bytes)
      case .end: endRequest(context)
      }
    }

    private func begin(_ context: ChannelHandlerContext, _ head: HTTPRequestHead) {
      if let length = head.headers.first(name: "content-length").flatMap({ Int($0) }), isTooLong(length) {
        return refuseLength(context)
      }
      self.head = head
      body.clear()
      if head.headers["expect"].contains(where: { $0.lowercased() == "100-continue" }), reply == nil {
        context.writeAndFlush(
          wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: .continue))), promise: nil)
      }
    }

    private func append(_ context: ChannelHandlerContext, _ bytes: ByteBuffer) {
      guard head != nil else { return }
      if isTooLong(body.readableBytes + bytes.readableBytes) { return refuseLength(context) }
      held += bytes.readableBytes
      if !connections.hold(bytes.readableBytes) { return refuse(context, 503, "expected fewer bytes of requests") }
      var bytes = bytes
      body.writeBuffer(&bytes)
    }

    private func endRequest(_ context: ChannelHandlerContext) {
      guard let head else { return }
      self.head = nil
      let request = HTTPRequest(
        method: head.method.rawValue, target: head.uri, headers: head.headers.map { HTTPField($0.name, $0.value) },
        body: Array(body.readableBytesView))
      body = ByteBuffer()
      waiting.append((request, head.isKeepAlive))
      if reply == nil {
        answerNext(context)
      } else if waiting.count > HTTPLimits.requestsAhead {
        refuse(context, 429, "expected at most \(HTTPLimits.requestsAhead) requests before their answers")
      }
    }

    private func answerNext(_ context: ChannelHandlerContext) {
      guard !waiting.isEmpty else { return expectRequest(context) }
      let (request, wishesToKeep) = waiting.removeFirst()
      idle?.cancel()
      keepsAlive = wishesToKeep && !connections.isDraining
      isHead = request.method == "HEAD"
      hasBegun = false
      let (channel, unread) = (context.channel, unread)
      let reply = HTTPReply { part in
        let count = part.byteCount
        // A client that does not read a stream has only so much of it waiting.
        guard unread.add(count) else { return channel.close(promise: nil) }
        let written = channel.eventLoop.makePromise(of: Void.self)
        written.futureResult.whenComplete { _ in unread.remove(count) }
        channel.writeAndFlush(part, promise: written)
      }
      self.reply = reply
      handle(request, reply)
    }

    private func expectRequest(_ context: ChannelHandlerContext) {
      idle?.cancel()
      let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
      idle = context.eventLoop.scheduleTask(in: .milliseconds(Int64(1e3 * connections.limits.idleSeconds))) {
        let (handler, context) = bound.value
        guard handler.reply == nil else { return }
        if handler.head == nil { return context.close(promise: nil) }
        handler.refuse(context, 408, "expected a whole request within \(handler.connections.limits.idleSeconds) s")
      }
    }

    private func isTooLong(_ count: Int) -> Bool { count > connections.limits.bodyBytes }

    private func refuseLength(_ context: ChannelHandlerContext) {
      refuse(context, 413, "expected at most \(connections.limits.bodyBytes) bytes")
    }

    /// Answers what is no request, and closes the connection; behind the head of another answer it is only closed.
    private func refuse(_ context: ChannelHandlerContext, _ status: Int, _ message: String) {
      isClosing = true
      head = nil
      waiting = []
      reply?.clientHasGone()
      guard reply == nil || !hasBegun else { return context.close(promise: nil) }
      reply = nil
      (keepsAlive, isHead) = (false, false)
      let body = ErrorBody(status: status, message: message).bytes
      writePart(
        context, .head(status: status, headers: [HTTPField("Content-Type", "application/json")], byteCount: body.count),
        promise: nil)
      writePart(context, .bytes(body), promise: nil)
      writePart(context, .end, promise: nil)
      context.flush()
    }

    /// Closes the connection behind an answer. A client that is still sending gets its answer first: closing at once
    /// would reset the connection, and the answer could be lost.
    private func close(_ context: ChannelHandlerContext) {
      guard isClosing else { return context.close(promise: nil) }
      context.close(mode: .output, promise: nil)
      let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
      idle?.cancel()
      idle = context.eventLoop.scheduleTask(in: .seconds(1)) { bound.value.close(promise: nil) }
    }

    private func release() {
      _ = connections.hold(-held)
      held = 0
    }

    // MARK: - Answers

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
      // A request that was refused in the meantime has its answer.
      guard reply != nil else { return promise?.fail(ChannelError.ioOnClosedChannel) ?? () }
      writePart(context, unwrapOutboundIn(data), promise: promise)
      watchWriting(context)
    }

    private func writePart(_ context: ChannelHandlerContext, _ part: ReplyPart, promise: EventLoopPromise<Void>?) {
      switch part {
      case .head(let status, let fields, let count):
        var head = HTTPResponseHead(version: .http1_1, status: HTTPResponseStatus(statusCode: status))
        for field in fields { head.headers.add(name: field.name, value: field.value) }
        if let count { head.headers.add(name: "Content-Length", value: "\(count)") }
        if !keepsAlive { head.headers.add(name: "Connection", value: "close") }
        hasBegun = true
        context.write(wrapOutboundOut(.head(head)), promise: promise)
      case .bytes(let bytes):
        guard !isHead else {
          promise?.succeed()
          return
        }
        context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: bytes)))), promise: promise)
      case .end:
        let (keeps, bound) = (keepsAlive, NIOLoopBound((self, context), eventLoop: context.eventLoop))
        let written = promise ?? context.eventLoop.makePromise(of: Void.self)
        written.futureResult.whenComplete { _ in
          if !keeps { bound.value.0.close(bound.value.1) }
        }
        context.write(wrapOutboundOut(.end(nil)), promise: written)
        reply = nil
        release()
        if keeps { answerNext(context) }
      }
    }

    /// Closes the connection when the client has read nothing for the time allowed.
    private func watchWriting(_ context: ChannelHandlerContext) {
      guard writing == nil, unread.count > 0 else { return }
      let seen = unread.removed
      let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
      writing = context.eventLoop.scheduleTask(in: .milliseconds(Int64(1e3 * connections.limits.writeSeconds))) {
        let (handler, context) = bound.value
        handler.writing = nil
        guard handler.unread.count > 0 else { return }
        if handler.unread.removed == seen { context.close(promise: nil) } else { handler.watchWriting(context) }
      }
    }
  }

  /// Counts the bytes that were sent and not yet taken by the system.
  private final class UnreadBytes: Sendable {
    private let added = Atomic(0)
    private let taken = Atomic(0)

    var removed: Int { taken.load(ordering: .relaxed) }
    var count: Int { added.load(ordering: .relaxed) - removed }

    /// Returns false, and counts nothing, if too many bytes wait already.
    func add(_ count: Int) -> Bool {
      guard self.count <= HTTPLimits.unreadBytes else { return false }
      added.add(count, ordering: .relaxed)
      return true
    }

    func remove(_ count: Int) { taken.add(count, ordering: .relaxed) }
  }

  extension ReplyPart {
    fileprivate var byteCount: Int {
      if case .bytes(let bytes) = self { bytes.count } else { 0 }
    }
  }
#endif
