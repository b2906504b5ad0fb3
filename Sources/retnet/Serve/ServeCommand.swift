internal import ArgumentParser
internal import Files
internal import FoundationEssentials
internal import Inference
internal import Modeling
internal import Retention
internal import Serving
internal import Tensors

/// `retnet serve` answers HTTP requests with the text of a model.
struct ServeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve",
    abstract: "Serve a model over HTTP, with the OpenAI API.",
    discussion: """
      Examples:
        retnet serve -m runs/kjv-small/best.safetensors
        retnet serve -m model.safetensors --port 9000 --api-key-file keys --state-dir states
        curl http://127.0.0.1:8080/v1/completions -d '{"prompt": "And God said", "max_tokens": 40}'

      docs/SERVER.md has every endpoint. A page to try the model is at http://127.0.0.1:8080/.
      """)

  @OptionGroup var model: ModelOption
  @OptionGroup var global: GlobalOptions
  @OptionGroup var address: AddressOptions
  @OptionGroup var limit: ServerLimitOptions

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The model's id in the API (default: from the file's name).", valueName: "name"))
  var modelName: String?

  @Option(help: ArgumentHelp("Keep saved states in this folder.", valueName: "folder"), completion: .directory)
  var stateDir: String?

  @Option(parsing: .unconditional, help: ArgumentHelp("Texts at a time, 1 to 16.", valueName: "n"))
  var parallel = BatchDecoder.limit

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Prompt tokens read at a time, 1 to 65536; another length changes the last bits "
        + "(default: by the model's shape).", valueName: "c"))
  var chunkLength: Int?

  @Option(
    help: ArgumentHelp(
      "Format of the key/value cache of attention; bf16 halves it, but rounds (default: f32).",
      valueName: "f32|bf16"))
  var kvCache: CacheFormat?

  func validate() throws {
    try checkRange(1...BatchDecoder.limit, "--parallel", parallel)
    if let chunkLength { try checkRange(PromptChunkLength.range, "--chunk-length", chunkLength) }
    if modelName == "" { throw ValidationError("--model-name: expected a name, found none") }
    try files.check()
  }

  /// The files that are read.
  private var files: CommandFiles {
    CommandFiles().reading("--model", model.model).reading("--api-key-file", address.apiKeyFile)
  }

  func run() throws {
    #if Server
      try serve()
    #else
      throw CommandError(
        .usage, "serve: expected a program that was built with the server, found one without",
        hint: "make serve MODEL=\(model.model), or: swift build -c release --product retnet --traits Server")
    #endif
  }

  #if Server
    private func serve() throws {
      let pool = try global.makePool()
      let keys = try address.keys()
      if let stateDir { try makeFolder(path: stateDir) }
      let path = try modelFile(model.model, global.talk)
      let loaded = try LoadedModel(path: path, cacheFormat: kvCache)
      Machine.warnOfSlowBLAS(global.talk)
      let configuration = loaded.header.configuration
      if let note = configuration.scoreNormNote("generation leaves it out") { global.say(note) }
      if let note = loaded.tokenizerNote { global.say(note) }
      if let longest = configuration.rotation.longestCall, let chunkLength, chunkLength > longest {
        throw CommandError(
          .usage, "--chunk-length: expected at most \(longest) for a model with xPos, found \(chunkLength)")
      }
      let served = try ServedModel(
        loaded, name: modelName ?? Self.name(of: path),
        chunkLength: chunkLength ?? PromptChunkLength.length(configuration),
        created: Int(Date().timeIntervalSince1970))
      let (mailbox, metrics) = (Mailbox<ModelThread.Message>(), ServerMetrics())
      let thread = ModelThread(
        loaded, served, limit.limits, rows: parallel, cacheBytes: limit.cacheMemory << 20, stateFolder: stateDir,
        mailbox,
        metrics, on: pool)
      let server = HTTPServer(limit.http)
      var settings = ServerAPI.Settings(keys: keys, origins: address.corsOrigin, rows: parallel)
      settings.hasStateFolder = stateDir != nil
      settings.bodyBytes = limit.maxBody
      settings.connectionCount = { server.connectionCount }
      settings.isStopping = { StopSignals.received != nil }
      let api = ServerAPI(model: served, limits: limit.limits, settings: settings, mailbox: mailbox, metrics: metrics)
      StopSignals.listen()
      let port: Int
      do {
        port = try server.start(host: address.host, port: address.port) { api.handle($0, $1) }
      } catch {
        throw CommandError(.cannotCreate, "\(address.host):\(address.port): cannot listen: \(error)")
      }
      if !address.isLoopback, keys.isEmpty {
        StandardStream.error.say(
          "warning: \(address.host) can be reached from other machines, and no key is needed; see --api-key-file")
      }
      let host = address.host.contains(":") ? "[\(address.host)]" : address.host
      StandardStream.error.say("listening on http://\(host):\(port)")
      thread.run(drainSeconds: limit.drainTime) { server.drain() }
      server.stop()
    }

    /// The file's name, or that of its folder for `best`, `last` and `model`.
    static func name(of path: String) -> String {
      let parts = path.split(separator: "/").map(String.init)
      let file = parts.last ?? path
      let stem = file.hasSuffix(".safetensors") ? String(file.dropLast(12)) : file
      guard ["best", "last", "model"].contains(stem), parts.count > 1 else { return stem }
      return parts[parts.count - 2]
    }
  #endif
}
