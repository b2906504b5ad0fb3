internal import Corpora
internal import FoundationEssentials
internal import Inference
internal import Modeling
internal import Serving
internal import Tokenization

/// Reads the requests for completions.
struct CompletionParser: Sendable {
  let model: ServedModel
  let limits: ServerLimits

  /// `POST /v1/completions`.
  func completion(_ fields: RequestFields) throws(ErrorBody) -> CompletionJob {
    if fields["suffix"] != nil {
      throw fields.refusal(of: "suffix", "expected none: a RetNet reads from left to right, and no text behind")
    }
    var job = try common(fields, tokens: try fields.integer("max_tokens", 0...limits.completionTokens) ?? 16)
    job.prompts = try prompts(fields["prompt"] ?? .text(""), fields, isContinued: job.from != nil)
    job.echoes = try fields.flag("echo") ?? false
    job.topCount = try fields.integer("logprobs", 0...ServerLimits.topTokens)
    job.candidateCount = job.answerCount
    if let count = try fields.integer("best_of", 1...ServerLimits.bestOf) {
      guard count >= job.answerCount else { throw fields.problem("best_of", "at least n, \(job.answerCount)") }
      guard count == job.answerCount || !job.streams else {
        throw fields.refusal(of: "best_of", "expected n, \(job.answerCount), with stream, found \(count)")
      }
      job.candidateCount = count
    }
    job.rules.logProbabilities = job.topCount ?? (job.candidateCount > job.answerCount ? 0 : nil)
    if job.echoes, job.from != nil { throw fields.refusal(of: "echo", "expected false with state, found true") }
    return try checked(job, fields)
  }

  /// `POST /v1/chat/completions`.
  func chat(_ fields: RequestFields) throws(ErrorBody) -> CompletionJob {
    guard let template = model.template else {
      throw ErrorBody(
        status: 400, message: "messages: expected a model with a chat template, found none in \(model.name)",
        parameter: "messages")
    }
    let range = 0...limits.completionTokens
    let field = fields["max_completion_tokens"] == nil ? "max_tokens" : "max_completion_tokens"
    let count = try fields.integer(field, range)
    var job = try common(fields, tokens: count ?? min(1_024, limits.completionTokens))
    job.form = .chat
    let text = try conversation(fields, template)
    job.prompts = [try prompt(text, fields, field: "messages", isContinued: job.from != nil)]
    if try fields.flag("logprobs") ?? false {
      job.topCount = try fields.integer("top_logprobs", 0...ServerLimits.topTokens) ?? 0
    }
    job.rules.logProbabilities = job.topCount
    job.candidateCount = job.answerCount
    if !template.afterAnswer.isEmpty { job.rules.stops.append(template.afterAnswer) }
    return try checked(job, fields)
  }

  /// `PUT /v1/states/{name}`.
  func state(_ name: String, _ fields: RequestFields) throws(ErrorBody) -> CompletionJob {
    var job = try common(fields, tokens: 0)
    job.form = .state
    job.leaves = name
    job.prompts = try prompts(fields["prompt"] ?? .text(""), fields, isContinued: job.from != nil)
    return try checked(job, fields)
  }

  /// `POST /v1/states/{name}/undo`.
  func undo(_ name: String, _ fields: RequestFields) throws(ErrorBody) -> CompletionJob {
    guard let count = try fields.integer("tokens", 1...UndoHistory.windowRange.upperBound) else {
      throw fields.problem("tokens", "the number of tokens to take back")
    }
    var job = try common(RequestFields([:]), tokens: 0)
    (job.form, job.from, job.leaves, job.undoCount) = (.state, name, name, count)
    job.prompts = [CompletionPrompt(ids: [], hiddenCount: 0, text: "", isTextStart: false, borders: nil)]
    return job
  }

  // MARK: - Fields

  /// The fields that all requests share.
  private func common(_ fields: RequestFields, tokens: Int) throws(ErrorBody) -> CompletionJob {
    if let name = try fields.text("model"), name != model.name {
      throw ErrorBody(
        status: 404, message: "model: expected \(model.name), found \(name)", parameter: "model",
        code: "model_not_found")
    }
    let ignoresEOS = try fields.flag("ignore_eos") ?? false
    var rules = TextRules(
      tokenizer: model.tokenizer, eosID: ignoresEOS ? nil : model.eosID, options: try sampling(fields), count: tokens)
    rules.stops = try stops(fields)
    let (id, created) = (UUID().uuidString.lowercased(), Int(Date().timeIntervalSince1970))
    let seed = try fields.integer("seed", Int.min...Int.max).map { UInt64(bitPattern: Int64($0)) }
    var job = CompletionJob(
      id: id, created: created, prompts: [], rules: rules, seed: seed ?? .random(in: 0...1 << 53))
    job.answerCount = try fields.integer("n", 1...ServerLimits.answers) ?? 1
    job.streams = try fields.flag("stream") ?? false
    if let options = try fields.object("stream_options") {
      job.includesUsage = try options.flag("include_usage") ?? false
    }
    job.from = try stateName(fields, "state")
    job.leaves = try stateName(fields, "save_state")
    return job
  }

  private func stateName(_ fields: RequestFields, _ field: String) throws(ErrorBody) -> String? {
    guard let name = try fields.text(field) else { return nil }
    guard model.configuration.hasFixedStates else {
      throw fields.refusal(of: field, "expected a model with states of fixed size, found layers of attention")
    }
    guard StateShelf.isName(name) else { throw fields.problem(field, StateShelf.nameWords) }
    return name
  }

  private func sampling(_ fields: RequestFields) throws(ErrorBody) -> SamplingOptions {
    func number(
      _ name: String, _ expected: String, _ usual: Double, where isAllowed: (Double) -> Bool
    ) throws(ErrorBody) -> Double { try fields.number(name, expected, where: isAllowed) ?? usual }

    var options = SamplingOptions()
    options.temperature = try number("temperature", "from 0 to 2", 1) { 0...2 ~= $0 }
    options.topP = try number("top_p", "above 0, up to 1", 1) { $0 > 0 && $0 <= 1 }
    options.topK = try fields.integer("top_k", 0...1 << 30) ?? 0
    options.minP = try number("min_p", "from 0 to 1", 0) { 0...1 ~= $0 }
    options.typical = try number("typical", "above 0, up to 1", 1) { $0 > 0 && $0 <= 1 }
    options.penalties.presence = try number("presence_penalty", "from -2 to 2", 0) { -2...2 ~= $0 }
    options.penalties.frequency = try number("frequency_penalty", "from -2 to 2", 0) { -2...2 ~= $0 }
    options.penalties.repetition = try number("repeat_penalty", "above 0", 1) { $0 > 0 && $0 <= 1e6 }
    options.penalties.lastCount =
      try fields.integer("repeat_last_n", 0...RecentTokens.limit) ?? options.penalties.lastCount
    options.bias = try bias(fields)
    if let tokenizer = model.tokenizer { options.forbidIDs(withoutPieceIn: tokenizer, of: model.configuration) }
    return options
  }

  private func bias(_ fields: RequestFields) throws(ErrorBody) -> [Int32: Float] {
    guard let given = try fields.object("logit_bias") else { return [:] }
    let size = model.tokenizer?.vocabularySize ?? model.configuration.vocabularySize
    guard given.all.count <= ServerLimits.biases else {
      throw fields.refusal(of: "logit_bias", "expected at most \(ServerLimits.biases) ids, found \(given.all.count)")
    }
    var bias: [Int32: Float] = [:]
    for (key, value) in given.all {
      guard let id = Int32(key), 0..<size ~= Int(id) else {
        throw fields.refusal(of: "logit_bias", "expected ids from 0 to \(size - 1), found \"\(key.prefix(40))\"")
      }
      guard let amount = value.asNumber, -100...100 ~= amount else {
        throw fields.refusal(of: "logit_bias", "expected numbers from -100 to 100, found \(value.words)")
      }
      bias[id] = amount == -100 ? -.infinity : Float(amount)
    }
    return bias
  }

  private func stops(_ fields: RequestFields) throws(ErrorBody) -> [String] {
    let expected = "a text, or up to \(ServerLimits.stops) of them, none empty"
    let stops: [String]
    switch fields["stop"] {
    case nil: return []
    case .text(let text): stops = [text]
    case .list(let items):
      stops = items.compactMap { if case .text(let text) = $0 { text } else { nil } }
      guard stops.count == items.count, items.count <= ServerLimits.stops else {
        throw fields.problem("stop", expected)
      }
    default: throw fields.problem("stop", expected)
    }
    guard stops.allSatisfy({ !$0.isEmpty && $0.utf8.count <= 1_024 }) else { throw fields.problem("stop", expected) }
    _ = try model.textTokenizer(for: "stop")
    return stops
  }

  private func checked(_ job: CompletionJob, _ fields: RequestFields) throws(ErrorBody) -> CompletionJob {
    guard job.choiceCount <= ServerLimits.choices else {
      throw fields.refusal(
        of: "n", "expected at most \(ServerLimits.choices) answers of a request, found \(job.choiceCount)")
    }
    if job.leaves != nil, job.prompts.count > 1 || job.candidateCount > 1 {
      let field = job.form == .state ? "prompt" : "save_state"
      throw fields.refusal(of: field, "expected one prompt and one answer with a state that is left")
    }
    return job
  }

  // MARK: - Prompts

  private func prompts(
    _ value: JSONValue, _ fields: RequestFields, isContinued: Bool
  ) throws(ErrorBody) -> [CompletionPrompt] {
    let expected = "a text, a list of texts, a list of ids, or a list of lists of ids"
    func one(_ value: JSONValue) throws(ErrorBody) -> CompletionPrompt {
      switch value {
      case .text(let text): try prompt(text, fields, field: "prompt", isContinued: isContinued)
      case .list(let items): try prompt(items, fields, isContinued: isContinued)
      default: throw fields.problem("prompt", expected)
      }
    }
    guard case .list(let items) = value else { return [try one(value)] }
    switch items.first {
    case nil: throw fields.problem("prompt", expected)
    case .integer: return [try one(value)]
    default: break
    }
    guard items.count <= ServerLimits.prompts else {
      throw fields.refusal(of: "prompt", "expected at most \(ServerLimits.prompts) prompts, found \(items.count)")
    }
    var prompts: [CompletionPrompt] = []
    for item in items { prompts.append(try one(item)) }
    return prompts
  }

  private func prompt(
    _ text: String, _ fields: RequestFields, field: String, isContinued: Bool
  ) throws(ErrorBody) -> CompletionPrompt {
    let ids =
      text.isEmpty ? [] : try model.ids(text, place: isContinued ? .middle : .textStart, field: field)
    return try prompt(ids, text: text, fields, field: field, isContinued: isContinued)
  }

  private func prompt(
    _ items: [JSONValue], _ fields: RequestFields, isContinued: Bool
  ) throws(ErrorBody) -> CompletionPrompt {
    let size = model.configuration.vocabularySize
    var ids: [Int32] = []
    ids.reserveCapacity(items.count)
    for item in items {
      guard case .integer(let id) = item, 0..<size ~= id else {
        throw fields.refusal(of: "prompt", "expected ids from 0 to \(size - 1), found \(item.words)")
      }
      ids.append(Int32(id))
    }
    return try prompt(ids, text: nil, fields, field: "prompt", isContinued: isContinued)
  }

  /// A prompt of ids, with BOS before it where that is wanted. Its text is that of the ids if it is nil.
  private func prompt(
    _ given: [Int32], text: String?, _ fields: RequestFields, field: String, isContinued: Bool
  ) throws(ErrorBody) -> CompletionPrompt {
    guard given.count <= limits.promptTokens else {
      throw fields.refusal(of: field, "expected at most \(limits.promptTokens) tokens, found \(given.count)")
    }
    var ids = given
    if !isContinued {
      let wantsBOS = try fields.flag("add_bos") ?? true
      if wantsBOS, let bos = model.bosID, ids.first != bos { ids.insert(bos, at: 0) }
      if ids.isEmpty {
        guard let bos = model.configuration.bosID else {
          throw fields.refusal(of: field, "expected at least one token: the model has no BOS to start from")
        }
        ids = [Int32(bos)]
      }
    }
    return CompletionPrompt(
      ids: ids, hiddenCount: ids.count - given.count, text: text ?? model.text(given),
      isTextStart: !isContinued && (text ?? "x").isEmpty,
      borders: isContinued ? nil : PrefixCache.Borders(ids, chunkLength: model.chunkLength))
  }

  /// The text of a conversation, with what precedes an answer.
  private func conversation(_ fields: RequestFields, _ template: ChatTemplate) throws(ErrorBody) -> String {
    guard case .list(let items) = fields["messages"], !items.isEmpty else {
      throw fields.problem("messages", "a list of messages")
    }
    var messages: [ChatMessage] = []
    for item in items {
      guard case .object(let members) = item, case .text(let role) = members["role"],
        let content = members["content"].flatMap(Self.content)
      else { throw fields.refusal(of: "messages", "expected objects with the texts role and content, found another") }
      messages.append(ChatMessage(role: role, content: content))
    }
    do {
      return try template.parts(messages).map(\.text).joined() + template.beforeAnswer
    } catch {
      throw fields.refusal(of: "messages", "\(error)")
    }
  }

  /// The text of a message: a text, or a list of parts that are texts.
  private static func content(_ value: JSONValue) -> String? {
    switch value {
    case .text(let text): return text
    case .list(let parts):
      let texts = parts.map { part -> String? in
        guard case .object(let members) = part, case .text("text") = members["type"],
          case .text(let text) = members["text"]
        else { return nil }
        return text
      }
      return texts.contains(nil) ? nil : texts.compactMap { $0 }.joined()
    default: return nil
    }
  }
}
