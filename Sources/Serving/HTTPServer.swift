#if Server
  internal import NIOCore
  internal import NIOHTTP1
  internal import NIOPosix
  internal import Synchronization

  /// An HTTP/1.1 server. SwiftNIO reads and writes the connections on one thread; requests are handled on others.
  package final class HTTPServer: Sendable {
    /// Handles a request: it may send the answer at once, or hand the reply on.
    package typealias Handler = @Sendable (HTTPRequest, HTTPReply) -> Void

    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let workers = NIOThreadPool(numberOfThreads: 2)
    private let connections: Connections
    private let listener = Mutex<(any Channel)?>(nil)

    /// - Parameter limits: What clients may ask.
    package init(_ limits: HTTPLimits) { connections = Connections(limits) }

    /// The number of open connections.
    package var connectionCount: Int { connections.count }

    /// Binds an address and begins to accept connections.
    ///
    /// - Parameters:
    ///   - host: A name or an address.
    ///   - port: The port; 0 takes a free one.
    ///   - handle: Called for each request, on one of two threads.
    /// - Returns: The port.
    /// - Throws: If the address cannot be bound.
    package func start(host: String, port: Int, handle: @escaping Handler) throws -> Int {
      workers.start()
      let (connections, workers) = (connections, workers)
      let channel = try ServerBootstrap(group: group)
        .serverChannelOption(.backlog, value: 1_024)
        .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
        .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
        .childChannelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            guard connections.add(channel) else { throw ChannelError.connectTimeout(.zero) }
            let pipeline = channel.pipeline.syncOperations
            try pipeline.configureHTTPServerPipeline(withPipeliningAssistance: false, withErrorHandling: false)
            try pipeline.addHandler(
              ConnectionHandler(connections) { request, reply in
                workers.submit { state in
                  if case .active = state { handle(request, reply) }
                }
              })
          }
        }
        .bind(host: host, port: port).wait()
      listener.withLock { $0 = channel }
      return channel.localAddress?.port ?? port
    }

    /// Accepts no further connections, and closes those that have no request. The others are closed behind their
    /// answers.
    package func drain() {
      let channel = listener.withLock { listener in
        defer { listener = nil }
        return listener
      }
      channel?.close(promise: nil)
      connections.drain()
    }

    /// Closes all connections.
    package func stop() {
      drain()
      connections.closeAll()
      try? group.syncShutdownGracefully()
      try? workers.syncShutdownGracefully()
    }
  }

  /// The open connections, and what they hold together.
  final class Connections: Sendable {
    let limits: HTTPLimits
    private let channels = Mutex<[ObjectIdentifier: any Channel]>([:])
    private let heldBytes = Atomic(0)
    private let draining = Atomic(false)

    init(_ limits: HTTPLimits) { self.limits = limits }

    var count: Int { channels.withLock { $0.count } }
    var isDraining: Bool { draining.load(ordering: .relaxed) }

    /// Adds a connection; returns whether there was room.
    func add(_ channel: any Channel) -> Bool {
      channels.withLock { channels in
        guard channels.count < limits.connections else { return false }
        channels[ObjectIdentifier(channel)] = channel
        return true
      }
    }

    func remove(_ channel: any Channel) {
      channels.withLock { _ = $0.removeValue(forKey: ObjectIdentifier(channel)) }
    }

    /// Counts bytes of bodies; returns whether all connections together may hold so many.
    func hold(_ count: Int) -> Bool { heldBytes.add(count, ordering: .relaxed).newValue <= limits.heldBytes }

    func drain() {
      draining.store(true, ordering: .relaxed)
      for channel in all { channel.pipeline.fireUserInboundEventTriggered(ConnectionHandler.Drain()) }
    }

    func closeAll() { for channel in all { channel.close(promise: nil) } }

    private var all: [any Channel] { channels.withLock { Array($0.values) } }
  }
#endif
