internal import Files
internal import Inference
internal import Modeling

/// What was evaluated, and how: the frame of a report.
struct Evaluation {
  let text: ReportText
  let form: RetentionForm
  let bosID: Int32?
  let score: Score
  private let method: String
  /// The kind of the weights, if they are quantised.
  private let weights: String?

  init(_ report: EvalReport) {
    (method, weights) = (report.methodText, report.weights)
    text = ReportText(file: report.file, model: report.model, documents: report.method.documents)
    (form, bosID, score) = (report.method.form, report.method.bosID(report.model), report.score)
  }

  /// The name of the text, for titles.
  var name: String { text.file }

  /// The numbers above the charts of the page.
  func facts(_ findings: LossFindings) -> [(name: String, value: String)] {
    let halfLives = findings.halfLives.map { $0 < 100 ? $0.fixed(1) : grouped(Int($0.rounded())) }
    let length = findings.trainingLength.map { "\($0.words), by \($0.path)" }
    var facts = [
      ("model", text.model.header.path), ("text", text.file),
      ("loss", "\(score.loss.fixed(5)) ± \(score.standardError.fixed(5)) nats per token"),
      ("perplexity", "\(score.perplexity.fixed(3)) per token"),
      ("bits per byte", score.bytes > 0 ? score.bitsPerByte.fixed(4) : "none, as no bytes are scored"),
      (
        "tokens",
        "\(grouped(score.tokens)) scored"
          + (findings.tokens > score.tokens ? " of \(grouped(findings.tokens))" : "")
          + " in \(counted(findings.documents, "document")), \(grouped(score.bytes)) bytes"
      ),
      ("method", method), ("weights", weights ?? "as trained, not quantised"),
      ("training length", length ?? "unknown: the model is in no run folder"),
      ("half-lives", halfLives.isEmpty ? "none: no head forgets" : halfLives.joined(separator: ", ") + " tokens"),
    ]
    if let digest = text.model.header.storedDigest { facts.append(("model digest", digest.short)) }
    return facts.map { (name: $0.0, value: $0.1) }
  }

  /// `report.json`.
  func report(_ findings: LossFindings) -> JSONReport {
    JSONReport(
      findings.members.merging([
        "model": .text(text.model.header.path), "files": .list([.text(text.file)]),
        "loss": .number(score.loss),
        "loss_standard_error": score.tokens > 1 ? .number(score.standardError) : .null,
        "tokens": .integer(score.tokens), "bytes": .integer(score.bytes),
        "bits_per_byte": score.bytes > 0 ? .number(score.bitsPerByte) : .null,
        "form": .text(form.words), "method_text": .text(method),
        "weights": weights.map { .text($0) } ?? .null,
        "first_token": .text(bosID == nil ? "not scored" : "bos"),
        "model_digest": text.model.header.storedDigest.map { .text($0.description) } ?? .null,
      ]) { first, _ in first })
  }
}
