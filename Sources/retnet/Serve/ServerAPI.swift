internal import Corpora
internal import Files
internal import Modeling
internal import Serving
internal import Tokenization

/// The endpoints: checks a request, and answers it or hands it to the model's thread. Any thread may call it.
struct ServerAPI: Sendable {
  let model: ServedModel
  let limits: ServerLimits
  let settings: Settings
  let mailbox: Mailbox<ModelThread.Message>
  let metrics: ServerMetrics

  /// How clients are let in, and what `/props` tells.
  struct Settings: Sendable {
    /// The digests of the keys; none: no key is needed.
    var keys: [SHA256Digest] = []
    /// The origins that browsers may call from; `*` for all.
    var origins: [String] = []
    var rows = 16
    var hasStateFolder = false
    var bodyBytes = 4 << 20
    /// Asked for by `/metrics` and `/health`.
    var connectionCount: @Sendable () -> Int = { 0 }
    var isStopping: @Sendable () -> Bool = { false }
  }

  private var parser: CompletionParser { CompletionParser(model: model, limits: limits) }

  /// Handles a request.
  func handle(_ request: HTTPRequest, _ http: HTTPReply) {
    let path = request.path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map(String.init)
    let endpoint = Endpoint(path)
    var reply = ServerReply(reply: http, endpoint: endpoint?.name ?? "other", metrics: metrics)
    reply.headers = headers(request)
    guard let endpoint else {
      return reply.error(ErrorBody(status: 404, message: "path: found nothing at \(request.path.prefix(100))"))
    }
    if request.method == "OPTIONS" { return reply.send(204, "text/plain", []) }
    do throws(ErrorBody) {
      try check(request, endpoint)
      try answer(request, endpoint, reply)
    } catch {
      reply.error(error)
    }
  }

  private func check(_ request: HTTPRequest, _ endpoint: Endpoint) throws(ErrorBody) {
    if !endpoint.isOpen, !settings.keys.isEmpty, !hasKey(request) {
      throw ErrorBody(
        status: 401, message: "Authorization: expected 'Bearer' and a valid key", code: "invalid_api_key")
    }
    // A page of another origin can send some requests blindly.
    if request.method != "GET", let origin = request.header("Origin"), !isAllowed(origin, request) {
      throw ErrorBody(
        status: 403, message: "Origin: expected one that --cors-origin allows, found \(origin.prefix(100))")
    }
    let methods = endpoint.methods
    guard methods.contains(request.method == "HEAD" ? "GET" : request.method) else {
      throw ErrorBody(
        status: 405,
        message: "method: expected \(methods.joined(separator: " or ")), found \(request.method.prefix(20))")
    }
  }

  /// Compares digests, so that the time tells nothing of the keys.
  private func hasKey(_ request: HTTPRequest) -> Bool {
    let words = (request.header("Authorization") ?? "").split(separator: " ", maxSplits: 1)
    guard words.count == 2, words[0].lowercased() == "bearer" else { return false }
    let digest = SHA256Digest(of: Array(words[1].utf8))
    return settings.keys.reduce(false) { found, key in key == digest || found }
  }

  private func isAllowed(_ origin: String, _ request: HTTPRequest) -> Bool {
    if settings.origins.contains("*") || settings.origins.contains(origin) { return true }
    return request.header("Host").map { origin.hasSuffix("://\($0)") } ?? false
  }

  private func headers(_ request: HTTPRequest) -> [HTTPField] {
    var headers = [HTTPField("X-Content-Type-Options", "nosniff")]
    guard let origin = request.header("Origin"), !settings.origins.isEmpty,
      settings.origins.contains("*") || settings.origins.contains(origin)
    else { return headers }
    headers += [
      HTTPField("Access-Control-Allow-Origin", settings.origins.contains("*") ? "*" : origin),
      HTTPField("Access-Control-Allow-Methods", "GET, POST, PUT, DELETE"),
      HTTPField("Access-Control-Allow-Headers", "Authorization, Content-Type"), HTTPField("Vary", "Origin"),
    ]
    return headers
  }

  // MARK: - Endpoints

  private func answer(_ request: HTTPRequest, _ endpoint: Endpoint, _ reply: ServerReply) throws(ErrorBody) {
    switch endpoint {
    case .page: reply.send(200, "text/html; charset=utf-8", Array(PlaygroundPage.html.utf8), Self.pageHeaders)
    case .health:
      if settings.isStopping() { throw ModelThread.stopping }
      reply.json("{\"status\":\"ok\"}")
    case .metrics:
      let text = metrics.text(model.name, connections: settings.connectionCount())
      reply.send(200, "text/plain; version=0.0.4; charset=utf-8", Array(text.utf8))
    case .props: reply.json(properties)
    case .models: reply.json(.object(["object": .text("list"), "data": .list([modelObject])]))
    case .model(let name):
      guard name == model.name else {
        throw ErrorBody(
          status: 404, message: "model: expected \(model.name), found \(name.prefix(100))", parameter: "model",
          code: "model_not_found")
      }
      reply.json(modelObject)
    case .completions:
      mailbox.post(.completion(try parser.completion(RequestFields(request.body)), reply))
    case .chat: mailbox.post(.completion(try parser.chat(RequestFields(request.body)), reply))
    case .tokenize: reply.json(try tokenize(RequestFields(request.body)))
    case .detokenize: reply.json(try detokenize(RequestFields(request.body)))
    case .tokenizerInfo: reply.json(try tokenizerInfo)
    case .states: try send(.list, reply)
    case .state(let name): try answer(request, state: name, reply)
    case .stateAction(let name, let action): try answer(request, state: name, action, reply)
    }
  }

  /// The page needs nothing but this server.
  private static let pageHeaders = [
    HTTPField(
      "Content-Security-Policy",
      "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:; "
        + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    HTTPField("Referrer-Policy", "no-referrer"), HTTPField("Cache-Control", "no-cache"),
  ]

  private var modelObject: JSONValue {
    .object([
      "id": .text(model.name), "object": .text("model"), "created": .integer(model.created),
      "owned_by": .text("retnet"),
    ])
  }

  private var properties: JSONValue {
    let template = model.template.map { JSONValue.object($0.roles.mapValues { .text($0) }) }
    return .object([
      "model": .text(model.name), "parameters": .integer(model.parameterCount),
      "vocab_size": .integer(model.configuration.vocabularySize), "layers": .integer(model.configuration.layers),
      "state_bytes": model.stateByteCount.map { .integer($0) } ?? .null, "chunk_length": .integer(model.chunkLength),
      "parallel": .integer(settings.rows), "bos": .boolean(model.bosID != nil), "chat_template": template ?? .null,
      "state_dir": .boolean(settings.hasStateFolder), "has_states": .boolean(model.configuration.hasFixedStates),
      "version": .text(Version.number),
      "limits": .object([
        "body_bytes": .integer(settings.bodyBytes), "prompt_tokens": .integer(limits.promptTokens),
        "completion_tokens": .integer(limits.completionTokens), "queue": .integer(limits.queue),
        "seconds": .number(limits.seconds), "states": .integer(limits.states),
        "undo_window": .integer(limits.undoWindow),
      ]),
    ])
  }

  // MARK: - Tokens

  private func tokenize(_ fields: RequestFields) throws(ErrorBody) -> JSONValue {
    let field = fields["content"] != nil ? "content" : "prompt"
    guard let text = try fields.text(field) else { throw fields.problem(field, "a text") }
    let tokenizer = try model.textTokenizer(for: field)
    let special = [tokenizer.bosID, tokenizer.eosID, tokenizer.padID].compactMap { $0 }
    var ids: [Int32]
    if let id = special.first(where: { tokenizer.piece(of: $0) == text }) {
      ids = [id]
    } else {
      ids = try model.ids(text, field: field)
    }
    let flag = fields["add_special"] == nil ? "add_special_tokens" : "add_special"
    if try fields.flag(flag) ?? false, let bos = model.bosID,
      ids.first != bos
    {
      ids.insert(bos, at: 0)
    }
    let withPieces = try fields.flag("with_pieces") ?? false
    let tokens: [JSONValue] = ids.map { id in
      withPieces
        ? .object(["id": .integer(Int(id)), "piece": .text(model.tokenTexts[Int(id)])]) : .integer(Int(id))
    }
    return .object(["tokens": .list(tokens), "count": .integer(ids.count)])
  }

  private func detokenize(_ fields: RequestFields) throws(ErrorBody) -> JSONValue {
    guard case .list(let items) = fields["tokens"] else { throw fields.problem("tokens", "a list of ids") }
    let size = try model.textTokenizer(for: "tokens").vocabularySize
    var ids: [Int32] = []
    for item in items {
      guard case .integer(let id) = item, 0..<size ~= id else {
        throw fields.refusal(of: "tokens", "expected ids from 0 to \(size - 1), found \(item.words)")
      }
      ids.append(Int32(id))
    }
    let text = JSONValue.text(model.text(ids))
    return .object(["prompt": text, "content": text])
  }

  private var tokenizerInfo: JSONValue {
    get throws(ErrorBody) {
      let tokenizer = try model.textTokenizer(for: "tokenizer")
      func piece(_ id: Int32?) -> JSONValue { id.map { .text(tokenizer.piece(of: $0)) } ?? .null }
      func number(_ id: Int32?) -> JSONValue { id.map { .integer(Int($0)) } ?? .null }
      let (bos, eos) = (model.configuration.bosID.map(Int32.init), model.eosID)
      return .object([
        "bos_token": piece(bos), "eos_token": piece(eos), "pad_token": piece(tokenizer.padID),
        "bos_token_id": number(bos), "eos_token_id": number(eos), "pad_token_id": number(tokenizer.padID),
        "vocab_size": .integer(tokenizer.vocabularySize),
        "chat_template": model.template.map { .object($0.roles.mapValues { .text($0) }) } ?? .null,
      ])
    }
  }

  // MARK: - States

  private func answer(_ request: HTTPRequest, state name: String, _ reply: ServerReply) throws(ErrorBody) {
    try checkName(name, "name")
    switch request.method {
    case "PUT": mailbox.post(.completion(try parser.state(name, RequestFields(request.body)), reply))
    case "DELETE": try send(.delete(name), reply)
    default: try send(.show(name), reply)
    }
  }

  private func answer(
    _ request: HTTPRequest, state name: String, _ action: Endpoint.Action, _ reply: ServerReply
  ) throws(ErrorBody) {
    try checkName(name, "name")
    let fields = try RequestFields(request.body)
    switch action {
    case .save: try send(.save(name), reply)
    case .load: try send(.load(name), reply)
    case .undo: mailbox.post(.completion(try parser.undo(name, fields), reply))
    case .fork:
      guard let other = try fields.text("to") else { throw fields.problem("to", StateShelf.nameWords) }
      try checkName(other, "to")
      try send(.fork(name, to: other), reply)
    }
  }

  private func send(_ request: ModelThread.StateRequest, _ reply: ServerReply) throws(ErrorBody) {
    guard model.configuration.hasFixedStates else {
      throw ErrorBody(
        status: 400,
        message: "state: expected a model with states of fixed size, found layers of attention", parameter: "state")
    }
    mailbox.post(.state(request, reply))
  }

  private func checkName(_ name: String, _ field: String) throws(ErrorBody) {
    guard StateShelf.isName(name) else {
      throw ErrorBody(
        status: 400, message: "\(field): expected \(StateShelf.nameWords), found \"\(name.prefix(80))\"",
        parameter: field)
    }
  }
}
