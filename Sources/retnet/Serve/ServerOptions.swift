internal import ArgumentParser
internal import Files
internal import Serving

/// The options that say where the server listens, and who is let in.
struct AddressOptions: ParsableArguments {
  @Option(parsing: .unconditional, help: ArgumentHelp("Address to listen on.", valueName: "host"))
  var host = "127.0.0.1"

  @Option(parsing: .unconditional, help: ArgumentHelp("Port, 0 to 65535; 0 takes a free one.", valueName: "n"))
  var port = 8080

  @Option(
    help: ArgumentHelp("Let in clients with one of these keys, one a line.", valueName: "file"), completion: .file())
  var apiKeyFile: String?

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "Let browsers call from pages of this origin; '*': of all; may be repeated.", valueName: "origin")
  )
  var corsOrigin: [String] = []

  func validate() throws {
    try checkRange(0...65_535, "--port", port)
    if host.isEmpty { throw ValidationError("--host: expected an address, found none") }
    if corsOrigin.contains("") { throw ValidationError("--cors-origin: expected an origin, found none") }
  }

  /// Whether only this machine can reach the server.
  var isLoopback: Bool { host == "localhost" || host == "::1" || host.hasPrefix("127.") }

  /// The digests of the keys in the file.
  ///
  /// - Throws: `FileError`; `CommandError` for a file without a key, or with one that is no header.
  func keys() throws -> [SHA256Digest] {
    guard let apiKeyFile else { return [] }
    try FileRole.text.check(apiKeyFile)
    let lines = try readAll(path: apiKeyFile, byteLimit: 1 << 20).split(separator: UInt8(ascii: "\n"))
    let keys = lines.map { $0.filter { byte in byte != UInt8(ascii: "\r") } }.filter { !$0.isEmpty }
    for key in keys where !key.allSatisfy({ 0x21...0x7E ~= $0 }) {
      throw CommandError(.badData, "\(apiKeyFile): expected keys of visible ASCII characters, found others")
    }
    guard !keys.isEmpty else { throw CommandError(.badData, "\(apiKeyFile): expected a key, found none") }
    return keys.map { SHA256Digest(of: Array($0)) }
  }
}

/// The options that limit what clients may ask.
struct ServerLimitOptions: ParsableArguments {
  private static let usual = ServerLimits()
  private static let http = HTTPLimits()

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Memory for states of prompts that were read, in MiB; 0: keep none.", valueName: "MiB"))
  var cacheMemory = 256

  @Option(parsing: .unconditional, help: ArgumentHelp("Named states in memory.", valueName: "n"))
  var maxStates = usual.states

  @Option(parsing: .unconditional, help: ArgumentHelp("Bytes of a request.", valueName: "bytes"))
  var maxBody = http.bodyBytes

  @Option(parsing: .unconditional, help: ArgumentHelp("Tokens of a prompt.", valueName: "n"))
  var maxPromptTokens = usual.promptTokens

  @Option(parsing: .unconditional, help: ArgumentHelp("Tokens of an answer.", valueName: "n"))
  var maxCompletionTokens = usual.completionTokens

  @Option(parsing: .unconditional, help: ArgumentHelp("Connections at a time.", valueName: "n"))
  var maxConnections = http.connections

  @Option(parsing: .unconditional, help: ArgumentHelp("Requests that wait for a row.", valueName: "n"))
  var maxQueue = usual.queue

  @Option(parsing: .unconditional, help: ArgumentHelp("Seconds for a request, waiting included.", valueName: "s"))
  var maxTime = usual.seconds

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Seconds in which a connection must send a whole request.", valueName: "s"))
  var idleTimeout = http.idleSeconds

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Seconds for a client to read what was sent.", valueName: "s"))
  var writeTimeout = http.writeSeconds

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Seconds for running answers after SIGTERM.", valueName: "s"))
  var drainTime = 10.0

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Tokens that named states can undo, 1 to 1048576.", valueName: "w"))
  var undoWindow = usual.undoWindow

  func validate() throws {
    func check(_ flag: String, from least: Double, _ found: Double) throws {
      guard found >= least, found <= 1e6 else {
        throw ValidationError("\(flag): expected \(least) to 1000000 seconds, found \(found)")
      }
    }
    try checkRange(0...1 << 30, "--cache-memory", cacheMemory)
    try checkRange(1...1 << 20, "--max-states", maxStates)
    try checkRange(1...1 << 30, "--max-body", maxBody)
    try checkRange(1...1 << 30, "--max-prompt-tokens", maxPromptTokens)
    try checkRange(1...1 << 30, "--max-completion-tokens", maxCompletionTokens)
    try checkRange(1...1 << 20, "--max-connections", maxConnections)
    try checkRange(1...1 << 20, "--max-queue", maxQueue)
    try checkRange(1...1_048_576, "--undo-window", undoWindow)
    try check("--max-time", from: 0.1, maxTime)
    try check("--idle-timeout", from: 0.1, idleTimeout)
    try check("--write-timeout", from: 0.1, writeTimeout)
    try check("--drain-time", from: 0, drainTime)
  }

  var limits: ServerLimits {
    var limits = ServerLimits()
    (limits.promptTokens, limits.completionTokens) = (maxPromptTokens, maxCompletionTokens)
    (limits.queue, limits.seconds) = (maxQueue, maxTime)
    (limits.states, limits.undoWindow) = (maxStates, undoWindow)
    return limits
  }

  var http: HTTPLimits {
    var limits = HTTPLimits()
    (limits.connections, limits.bodyBytes) = (maxConnections, maxBody)
    (limits.idleSeconds, limits.writeSeconds) = (idleTimeout, writeTimeout)
    return limits
  }
}

/// Throws a usage error for a value of a flag outside of its range.
func checkRange(_ range: ClosedRange<Int>, _ flag: String, _ found: Int) throws {
  guard range.contains(found) else {
    throw ValidationError("\(flag): expected \(range.lowerBound) to \(range.upperBound), found \(found)")
  }
}
