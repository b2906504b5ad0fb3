internal import Files
internal import Inference
internal import Modeling
internal import Retention

/// Where the loss of a text is: the numbers of a report.
struct LossFindings {
  /// The mean loss with a certain number of tokens of context, and its distance from that with another.
  struct Row {
    /// The number of tokens before the scored ones.
    let context: Int
    let loss: LossMean
    /// Loss less that of the same tokens with the other context, token by token.
    let difference: LossMean
  }

  var positions = PositionLosses()
  /// The same sampled tokens with contexts that double; the differences are from the loss with the whole history.
  var horizon: [Row] = []
  /// The loss of all sampled tokens with the whole history.
  var wholeHistory = LossMean()
  /// The last tokens of a document with longer and longer contexts; the differences are from the first row.
  var extrapolation: [Row] = []
  /// The number of the document that `extrapolation` is about, from 1.
  var extrapolatedDocument = 0
  /// Documents and tokens, with those that are not scored.
  var (documents, tokens) = (0, 0)
  /// The half-life of each head in tokens; empty without decay.
  let halfLives: [Double]
  let decay: Decay
  let trainingLength: TrainingLength?

  init(_ model: LoadedModel) {
    let configuration = model.header.configuration
    decay = Decay(configuration.decay, heads: configuration.heads)
    halfLives = configuration.decay == .none ? [] : decay.halfLives
    trainingLength = TrainingLength(ofModel: model.header.path)
  }

  /// The loss that all sampled tokens would have with a context, if the excess of those that were measured is theirs: it
  /// does not depend on which tokens a long context was measured at.
  func adjustedLoss(_ row: Row) -> Double? {
    row.difference.mean.flatMap { excess in wholeHistory.mean.map { $0 + excess } }
  }

  /// The share of a token's weight that is left in a head's state after a number of tokens: the mean over the heads, and
  /// that of the slowest head.
  func kept(after tokens: Int) -> (mean: Double, slowest: Double) {
    let powers = (0..<decay.heads).map { decay.power(head: $0, tokens) }
    return (powers.reduce(0, +) / Double(powers.count), powers.max() ?? 1)
  }
}

// MARK: - Files

extension LossFindings {
  private static func cell(_ number: Double?) -> String { number?.description ?? "" }

  var positionTable: String {
    var lines = ["first,last,count,loss,standard_error"]
    for (index, bin) in positions.bins.enumerated() {
      let range = PositionLosses.positions(index)
      lines.append(
        "\(range.lowerBound),\(range.upperBound),\(bin.count),\(Self.cell(bin.mean)),\(Self.cell(bin.standardError))")
    }
    return lines.joined(separator: "\n") + "\n"
  }

  var horizonTable: String {
    let heading = "context,count,loss,standard_error,excess,excess_standard_error,adjusted_loss"
    return Self.table(heading + ",mean_decay,slowest_decay", horizon) { row in
      let kept = kept(after: row.context)
      return ",\(Self.cell(adjustedLoss(row))),\(kept.mean),\(kept.slowest)"
    }
  }

  var extrapolationTable: String {
    Self.table("context,count,loss,standard_error,change,change_standard_error", extrapolation) { _ in "" }
  }

  private static func table(_ heading: String, _ rows: [Row], _ rest: (Row) -> String) -> String {
    let lines = rows.map { row in
      "\(row.context),\(row.loss.count),\(cell(row.loss.mean)),\(cell(row.loss.standardError)),"
        + "\(cell(row.difference.mean)),\(cell(row.difference.standardError))" + rest(row)
    }
    return ([heading] + lines).joined(separator: "\n") + "\n"
  }

  /// The members of `report.json`.
  var members: [String: JSONValue] {
    func number(_ number: Double?) -> JSONValue { number.map { .number($0) } ?? .null }
    func members(_ row: Row, _ difference: String) -> [String: JSONValue] {
      [
        "context": .integer(row.context), "count": .integer(row.loss.count), "loss": number(row.loss.mean),
        "standard_error": number(row.loss.standardError), difference: number(row.difference.mean),
        "\(difference)_standard_error": number(row.difference.standardError),
      ]
    }
    return [
      "documents": .integer(documents), "all_tokens": .integer(tokens),
      "half_life_of_heads_in_tokens": halfLives.isEmpty ? .null : .list(halfLives.map { .number($0) }),
      "training_length": trainingLength.map { .integer($0.tokens) } ?? .null,
      "training_carries_state": trainingLength.map { .boolean($0.carriesState) } ?? .null,
      "position": .list(
        positions.bins.enumerated().map { index, bin in
          let range = PositionLosses.positions(index)
          return .object([
            "first": .integer(range.lowerBound), "last": .integer(range.upperBound), "count": .integer(bin.count),
            "loss": number(bin.mean), "standard_error": number(bin.standardError),
          ])
        }),
      "horizon": .list(
        horizon.map { row in
          let kept = kept(after: row.context)
          let rest: [String: JSONValue] = [
            "adjusted_loss": number(adjustedLoss(row)), "mean_decay": .number(kept.mean),
            "slowest_decay": .number(kept.slowest),
          ]
          return .object(members(row, "excess").merging(rest) { first, _ in first })
        }),
      "extrapolation": .list(extrapolation.map { .object(members($0, "change")) }),
      "extrapolation_document": extrapolation.isEmpty ? .null : .integer(extrapolatedDocument),
    ]
  }
}
