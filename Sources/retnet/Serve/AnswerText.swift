internal import Inference
internal import Serving
internal import Tokenization

/// Writes the JSON of answers. Streams have an object for each token, so it is written by hand.
struct AnswerText: Sendable {
  let model: ServedModel
  let job: CompletionJob

  private let isChat: Bool
  /// The start of every object of the answer.
  private let opening: String

  init(model: ServedModel, job: CompletionJob) {
    (self.model, self.job, isChat) = (model, job, job.form == .chat)
    let kind = isChat ? job.streams ? "chat.completion.chunk" : "chat.completion" : "text_completion"
    opening =
      "{\"id\":\"\(isChat ? "chatcmpl" : "cmpl")-\(job.id)\",\"object\":\"\(kind)\",\"created\":\(job.created),"
      + "\"model\":\(model.name.inJSON),\"system_fingerprint\":\"\(model.fingerprint)\",\"seed\":\(job.seed),"
  }

  /// A whole answer.
  func whole(_ choices: [ChoiceText], _ usage: Usage) -> String {
    let texts = choices.enumerated().map { index, choice in
      let text = choice.text.inJSON
      let content = isChat ? "\"message\":{\"role\":\"assistant\",\"content\":\(text)}" : "\"text\":\(text)"
      return "{\"index\":\(index),\(content),\"logprobs\":\(logProbabilities(choice.tokens)),"
        + "\"finish_reason\":\"\(choice.reason)\"}"
    }
    return opening + "\"choices\":[\(texts.joined(separator: ","))],\"usage\":\(usage.text)}"
  }

  /// A part of a streamed answer.
  ///
  /// - Parameters:
  ///   - index: The choice.
  ///   - text: New characters.
  ///   - tokens: New tokens, if they are reported.
  ///   - reason: Why the choice ended; nil: it goes on.
  ///   - isFirst: Whether it is the first one of the choice.
  /// - Returns: A JSON object.
  func part(_ index: Int, _ text: String, _ tokens: [ReportedToken], reason: String?, isFirst: Bool) -> String {
    let quoted = text.inJSON
    let role = isFirst ? "\"role\":\"assistant\"," : ""
    let content = isChat ? "\"delta\":{\(role)\"content\":\(quoted)}" : "\"text\":\(quoted)"
    return opening
      + "\"choices\":[{\"index\":\(index),\(content),\"logprobs\":\(tokens.isEmpty ? "null" : logProbabilities(tokens)),"
      + "\"finish_reason\":\(reason.map { "\"\($0)\"" } ?? "null")}]"
      + (job.includesUsage ? ",\"usage\":null}" : "}")
  }

  /// The last part of a streamed answer, with the usage.
  func usagePart(_ usage: Usage) -> String { opening + "\"choices\":[],\"usage\":\(usage.text)}" }

  private func logProbabilities(_ tokens: [ReportedToken]) -> String {
    guard job.topCount != nil else { return "null" }
    if isChat {
      let entries = tokens.map { token in
        let top = token.ranked.map { $0.top.prefix(job.topCount ?? 0).map(chatEntry).joined(separator: ",") } ?? ""
        let own = token.ranked.map { chatEntry($0.chosen).dropLast() } ?? "{\"token\":\"\""
        return own + ",\"top_logprobs\":[\(top)]}"
      }
      return "{\"content\":[\(entries.joined(separator: ","))],\"refusal\":null}"
    }
    let texts = tokens.map { model.tokenTexts[Int($0.id)].inJSON }
    let chosen = tokens.map { $0.ranked.map { number($0.chosen.logProbability) } ?? "null" }
    let top = tokens.map { $0.ranked.map(topEntries) ?? "null" }
    let offsets = tokens.map { "\($0.offset)" }
    return "{\"tokens\":[\(texts.joined(separator: ","))],\"token_logprobs\":[\(chosen.joined(separator: ","))],"
      + "\"top_logprobs\":[\(top.joined(separator: ","))],\"text_offset\":[\(offsets.joined(separator: ","))]}"
  }

  /// The most likely tokens, with the chosen one.
  private func topEntries(_ token: RankedToken) -> String {
    var entries = token.top
    if !entries.contains(where: { $0.id == token.chosen.id }) { entries.append(token.chosen) }
    let texts = entries.map { "\(model.tokenTexts[Int($0.id)].inJSON):\(number($0.logProbability))" }
    return "{\(texts.joined(separator: ","))}"
  }

  private func chatEntry(_ token: TokenLogProbability) -> String {
    let bytes = model.tokenizer.map { tokenizer in
      Int(token.id) < tokenizer.vocabularySize
        ? tokenizer.bytes(of: token.id).map { "\($0)" }.joined(separator: ",") : ""
    }
    return "{\"token\":\(model.tokenTexts[Int(token.id)].inJSON),\"logprob\":\(number(token.logProbability)),"
      + "\"bytes\":[\(bytes ?? "")]}"
  }

  /// JSON has no infinity; no model gives one to a token that it can choose.
  private func number(_ value: Double) -> String { value.isFinite ? "\(value)" : "-9999.0" }
}

/// A choice of an answer, made.
struct ChoiceText: Sendable {
  var text: String
  var tokens: [ReportedToken]
  /// `stop` or `length`.
  var reason: String
}

/// A token of an answer, for `logprobs`.
struct ReportedToken: Sendable {
  let id: Int32
  /// nil: nothing came before it.
  let ranked: RankedToken?
  /// Where it begins in the text, in code points.
  let offset: Int
}

/// The tokens of an answer.
struct Usage: Sendable {
  var promptTokens = 0
  var cachedTokens = 0
  var completionTokens = 0

  /// A JSON object.
  var text: String {
    "{\"prompt_tokens\":\(promptTokens),\"completion_tokens\":\(completionTokens),"
      + "\"total_tokens\":\(promptTokens + completionTokens),"
      + "\"prompt_tokens_details\":{\"cached_tokens\":\(cachedTokens)}}"
  }
}
