internal import Files
internal import Inference
internal import Modeling
internal import Tokenization

/// The result of `eval`, with the method used.
struct EvalReport {
  let score: Score
  let seconds: Double
  let form: RetentionForm
  let startsWithBOS: Bool
  let files: [String]
  let model: LoadedModel

  private var formName: String {
    switch form {
    case .parallel: "parallel"
    case .recurrent: "recurrent"
    case .chunkwise(let chunkLength): "chunkwise, chunk length \(chunkLength)"
    }
  }

  private var tokenizerDigest: SHA256Digest? { model.tokenizer == nil ? nil : model.tokenizerDigest }

  /// The text for people: the figures, then the method.
  ///
  /// - Parameter width: The width of the terminal; nil: any.
  /// - Returns: The lines, joined by newlines.
  func text(width: Int? = StandardStream.output.lineWidth) -> String {
    var lines = [
      "bits per byte   \(score.bytes > 0 ? score.bitsPerByte.fixed(4) : "none, as no bytes are scored")",
      "perplexity      \(score.perplexity.fixed(3)) per token",
      "loss            \(score.loss.fixed(5))"
        + (score.tokens > 1 ? " ± \(score.standardError.fixed(5))" : "") + " nats per token",
    ]
    if let perplexity = score.wordPerplexity { lines.append("                \(perplexity.fixed(2)) per word") }
    lines += [
      "text            \(grouped(score.tokens)) tokens, \(grouped(score.bytes)) bytes",
      "method          full history, \(formName); \(startsWithBOS ? "starts with BOS" : "first token not scored")",
      "tokenizer       \(tokenizerDigest?.short ?? "none, the ids are those of the token file")",
      "time            \(seconds.fixed(2)) s, \(grouped(Int(Double(score.tokens) / seconds))) tokens/s",
    ]
    return lines.joined(separator: "\n").wrapped(to: width, indent: String(repeating: " ", count: 16))
  }

  var json: JSONReport {
    var members: [String: JSONValue] = [
      "model": .text(model.header.path),
      "files": .list(files.map { .text($0) }),
      "loss": .number(score.loss),
      "loss_standard_error": .number(score.standardError),
      "perplexity": .number(score.perplexity),
      "bits_per_byte": .number(score.bitsPerByte),
      "byte_perplexity": .number(score.bytePerplexity),
      "word_perplexity": score.wordPerplexity.map { .number($0) } ?? .null,
      "tokens": .integer(score.tokens),
      "bytes": .integer(score.bytes),
      "words": score.wordPerplexity == nil ? .null : score.words.map { .integer($0) } ?? .null,
      "seconds": .seconds(seconds),
      "tokens_per_second": .number(Double(score.tokens) / seconds),
      "method": .text("full-history"),
      "first_token": .text(startsWithBOS ? "bos" : "not scored"),
      "tokenizer_digest": tokenizerDigest.map { .text($0.description) } ?? .null,
      "model_digest": model.header.storedDigest.map { .text($0.description) } ?? .null,
    ]
    switch form {
    case .parallel: members["form"] = .text("parallel")
    case .recurrent: members["form"] = .text("recurrent")
    case .chunkwise(let chunkLength):
      members["form"] = .text("chunkwise")
      members["chunk_length"] = .integer(chunkLength)
    }
    return JSONReport(members)
  }
}
