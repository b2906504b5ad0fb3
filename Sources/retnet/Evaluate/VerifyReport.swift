internal import Files
internal import Inference
internal import Modeling

/// The result of `verify`.
struct VerifyReport {
  let header: ModelHeader
  /// The source of the tokens.
  let source: String
  let tokens: Int
  let comparisons: [FormComparison]
  let tolerance: FormTolerance
  let seconds: Double

  private var failures: [FormFailure] { comparisons.compactMap { $0.failure(tolerance) } }

  /// Prints what disagrees, and ends with status 1 if anything does.
  func end(_ global: GlobalOptions) throws {
    for failure in failures { global.say("verify: \(failure.text)") }
    if !failures.isEmpty { throw ExitStatus.checkFailed.exit }
  }

  /// A table for people: a row for each pair of forms, and if wanted one for each of its layers.
  ///
  /// - Parameters:
  ///   - everyLayer: Whether each layer has a row.
  ///   - width: The width of the terminal; nil: any.
  /// - Returns: The table, with the verdict below it.
  func text(everyLayer: Bool, width: Int? = StandardStream.output.lineWidth) -> String {
    var rows: [[String]] = []
    for comparison in comparisons {
      let worst = comparison.worstLayer
      let verdict =
        comparison.failure(tolerance).map { _ in "FAILED" } ?? (comparison.pair.demand == .nothing ? "left out" : "")
      rows.append(
        [comparison.pair.name, comparison.pair.yardstickName, "\(worst)"] + cells(comparison.layers[worst])
          + [comparison.logits.rms.scientific, comparison.logits.largest.scientific, comparison.agreement.percent]
          + [verdict])
      guard everyLayer else { continue }
      for (index, layer) in comparison.layers.enumerated() {
        rows.append(["", "", "\(index)"] + cells(layer) + ["", "", "", ""])
      }
    }
    let bounds = "rms \(tolerance.headNorm) after the head norm, \(tolerance.logits) at the logits"
    let verdict =
      failures.isEmpty
      ? "The forms agree within \(bounds)."
      : "\(failures.count) of \(comparisons.count) pairs differ by more than \(bounds)."
    let end = "\(grouped(tokens)) tokens of \(source), \(seconds.fixed(1)) s. \(verdict)"
    return TextTable(columns: Self.columns, rows: rows).text(width: width) + "\n\n"
      + end.wrapped(to: width, indent: "")
  }

  private static var columns: [TextTable.Column] {
    let (before, after) = (("before head norm", "before"), ("after head norm", "head norm"))
    return [
      .init(heading: "run", isText: true), .init(heading: "against", isText: true, rank: 4),
      .init(heading: "layer", rank: 5),
      .init(heading: "rms", group: before, rank: 8), .init(heading: "largest", group: before, rank: 9),
      .init(heading: "rms", group: after, rank: 2), .init(heading: "largest", group: after, rank: 7),
      .init(heading: "rms", group: ("logits", "logits"), rank: 1),
      .init(heading: "largest", group: ("logits", "logits"), rank: 6),
      .init(heading: "same token", rank: 3), .init(heading: ""),
    ]
  }

  private func cells(_ layer: FormComparison.LayerDifference) -> [String] {
    [layer.beforeHeadNorm, layer.afterHeadNorm].flatMap { [$0.rms.scientific, $0.largest.scientific] }
  }

  var json: JSONReport {
    JSONReport([
      "model": .text(header.path),
      "model_digest": header.storedDigest.map { .text($0.description) } ?? .null,
      "text": .text(source),
      "tokens": .integer(tokens),
      "seconds": .seconds(seconds),
      "tolerance": .object(["after_head_norm": .number(tolerance.headNorm), "logits": .number(tolerance.logits)]),
      "agrees": .boolean(failures.isEmpty),
      "pairs": .list(comparisons.map(json)),
    ])
  }

  private func json(_ comparison: FormComparison) -> JSONValue {
    func difference(_ difference: Difference) -> JSONValue {
      .object(["rms": .number(difference.rms), "largest": .number(difference.largest)])
    }
    let failure = comparison.failure(tolerance)
    return .object([
      "run": .text(comparison.pair.name),
      "against": .text(comparison.pair.yardstickName),
      "demand": .text(comparison.pair.demand.rawValue),
      "failure": failure.map { .text($0.text) } ?? .null,
      "failed_layer": failure?.layer.map { .integer($0) } ?? .null,
      "layers": .list(
        comparison.layers.map {
          .object([
            "before_head_norm": difference($0.beforeHeadNorm), "after_head_norm": difference($0.afterHeadNorm),
          ])
        }),
      "logits": difference(comparison.logits),
      "same_token": .number(comparison.agreement),
    ])
  }
}

extension FormFailure {
  /// The pair of forms, the place, and what was found.
  fileprivate var text: String {
    let place = layer.map { "layer \($0) after the head norm" } ?? "the logits"
    let expected = tolerated == 0 ? "bit-identical values" : "an rms difference of at most \(tolerated)"
    return "\(pair.name) against \(pair.yardstickName): \(place): expected \(expected), found \(found.scientific)"
  }
}

extension Double {
  /// A fraction in per cent; 100 only if it is exactly one.
  fileprivate var percent: String { self == 1 ? "100 %" : "\(min(99.9, 100 * self).fixed(1)) %" }
}
