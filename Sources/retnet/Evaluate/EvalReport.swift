internal import Corpora
internal import Files
internal import Inference
internal import Modeling
internal import Tensors
internal import Tokenization

/// The result of a model on a text, with the method used.
struct EvalReport {
  let score: Score
  let seconds: Double
  let method: EvaluationMethod
  /// Whether documents start with BOS.
  let startsWithBOS: Bool
  let file: String
  let model: LoadedModel
  /// The highest use of memory of the process, in bytes; nil: unknown.
  let peakMemory: Int?

  /// The model and the text.
  var name: String { "\(model.header.path), \(file)" }

  private var tokenizerDigest: SHA256Digest? { model.tokenizer == nil ? nil : model.tokenizerDigest }

  /// What must be equal for two figures to be comparable.
  var methodText: String {
    let start = startsWithBOS ? "starts with BOS" : "first token not scored"
    let documents = method.documents == .file ? "" : "; documents by \(method.documents.argument)"
    let precision = method.precision == .float32 ? "" : "; products in bfloat16"
    guard let windows = method.windows else {
      return "full history, \(method.form.words); \(start)\(documents)\(precision)"
    }
    return "windows of \(windows.length) tokens, stride \(windows.stride), rule \(windows.rule.rawValue); "
      + start + documents + precision
  }

  /// What the standard error takes as independent: a block is a window where windows are averaged.
  private var errorUnit: String {
    let areWindows = method.windows.map { $0.rule != .sliding } ?? false
    return score.errorUnit == .blocks && areWindows ? "windows" : score.errorUnit.rawValue
  }

  /// The same for people.
  private var errorUnitText: String {
    errorUnit == "blocks" ? "over blocks of \(Score.blockLength) tokens" : "over \(errorUnit)"
  }

  /// The kind of the weights, if they are quantised.
  var weights: String? { model.header.quantization?.rawValue }

  /// The text for people: the figures, then the method.
  ///
  /// - Parameter width: The width of the terminal; nil: any.
  /// - Returns: The lines, joined by newlines.
  func text(width: Int? = StandardStream.output.lineWidth) -> String {
    let error = score.standardError
    var lines = [
      "bits per byte   \(score.bytes > 0 ? score.bitsPerByte.fixed(4) : "none, as no bytes are scored")",
      "perplexity      \(score.perplexity.fixed(3)) per token",
      "loss            \(score.loss.fixed(5))"
        + (error.isFinite ? " ± \(error.fixed(5)) (\(errorUnitText))" : "") + " nats per token",
    ]
    if let perplexity = score.wordPerplexity { lines.append("                \(Self.short(perplexity)) per word") }
    if let weights { lines.append("weights         \(weights)") }
    lines += [
      "text            \(grouped(score.tokens)) tokens, \(grouped(score.bytes)) bytes",
      "method          \(methodText)",
      "tokenizer       \(tokenizerDigest?.short ?? "none, the ids are those of the token file")",
      "time            \(seconds.fixed(2)) s, \(grouped(Int(Double(score.tokens) / seconds))) tokens/s",
    ]
    return lines.joined(separator: "\n").wrapped(to: width, indent: String(repeating: " ", count: 16))
  }

  /// A perplexity for people: with two decimals, or two digits of a large one.
  private static func short(_ perplexity: Double) -> String {
    perplexity < 1e7 ? perplexity.fixed(2) : perplexity.scientific
  }

  /// Several reports as a table, then the methods.
  static func table(_ reports: [EvalReport], width: Int? = StandardStream.output.lineWidth) -> String {
    let table = TextTable(
      columns: [
        .init(heading: "model", isText: true), .init(heading: "text", isText: true),
        .init(heading: "bits/byte"), .init(heading: "perplexity"), .init(heading: "loss"),
        .init(heading: "±", rank: 1), .init(heading: "ppl/word", rank: 4), .init(heading: "tokens", rank: 2),
        .init(heading: "bytes", rank: 5), .init(heading: "tokens/s", rank: 3),
      ],
      rows: reports.map { report in
        let score = report.score
        return [
          report.model.header.path, report.file, score.bytes > 0 ? score.bitsPerByte.fixed(4) : "none",
          score.perplexity.fixed(3), score.loss.fixed(5),
          score.standardError.isFinite ? score.standardError.fixed(5) : "none",
          score.wordPerplexity.map(Self.short) ?? "none", grouped(score.tokens), grouped(score.bytes),
          grouped(Int(Double(score.tokens) / report.seconds)),
        ]
      })
    var lines = [table.text(width: width)]
    let methods = reports.map(\.methodText)
    if Set(methods).count == 1 {
      lines.append("method: \(methods[0])")
    } else {
      lines.append("The methods differ, so the figures are not comparable:")
      lines += zip(reports, methods).map { "  \($0.name): \($1)" }
    }
    let units = reports.map(\.errorUnitText)
    if Set(units).count == 1 {
      lines.append("±: standard error \(units[0])")
    } else {
      lines.append("±: standard error " + zip(reports, units).map { "\($1) (\($0.name))" }.joined(separator: "; "))
    }
    if Set(reports.map(\.tokenizerDigest)).count > 1 {
      lines.append("The tokenizers differ, so only bits/byte and ppl/word are comparable between models.")
    }
    return lines.joined(separator: "\n")
  }

  var members: [String: JSONValue] {
    var members: [String: JSONValue] = [
      "model": .text(model.header.path),
      "files": .list([.text(file)]),
      "loss": .number(score.loss),
      "loss_standard_error": .number(score.standardError),
      "standard_error_over": .text(errorUnit),
      "perplexity": .number(score.perplexity),
      "bits_per_byte": .number(score.bitsPerByte),
      "byte_perplexity": .number(score.bytePerplexity),
      "word_perplexity": score.wordPerplexity.map { .number($0) } ?? .null,
      "tokens": .integer(score.tokens),
      "bytes": .integer(score.bytes),
      "words": score.wordPerplexity == nil ? .null : score.words.map { .integer($0) } ?? .null,
      "seconds": .seconds(seconds),
      "tokens_per_second": .number(Double(score.tokens) / seconds),
      "peak_memory_bytes": peakMemory.map { .integer($0) } ?? .null,
      "method": .text(method.windows == nil ? "full-history" : "windows"),
      "method_text": .text(methodText),
      "first_token": .text(startsWithBOS ? "bos" : "not scored"),
      "documents": .text(method.documents.argument),
      "precision": .text(method.precisionName),
      "weights": weights.map { .text($0) } ?? .null,
      "tokenizer_digest": tokenizerDigest.map { .text($0.description) } ?? .null,
      "model_digest": model.header.storedDigest.map { .text($0.description) } ?? .null,
    ]
    if let windows = method.windows {
      members["window"] = .integer(windows.length)
      members["stride"] = .integer(windows.stride)
      members["window_rule"] = .text(windows.rule.rawValue)
      return members
    }
    switch method.form {
    case .parallel: members["form"] = .text("parallel")
    case .recurrent: members["form"] = .text("recurrent")
    case .chunkwise(let chunkLength):
      members["form"] = .text("chunkwise")
      members["chunk_length"] = .integer(chunkLength)
    }
    return members
  }

  /// One report as an object, several as the list `rows`.
  static func json(_ reports: [EvalReport]) -> JSONReport {
    reports.count == 1
      ? JSONReport(reports[0].members) : JSONReport(["rows": .list(reports.map { .object($0.members) })])
  }
}

extension RetentionForm {
  /// The form and its chunk length, for people.
  var words: String {
    switch self {
    case .parallel: "parallel"
    case .recurrent: "recurrent"
    case .chunkwise(let chunkLength): "chunkwise, chunk length \(chunkLength)"
    }
  }
}
