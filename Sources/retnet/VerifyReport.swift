internal import Files
internal import Inference
internal import Modeling

/// What `verify` found.
struct VerifyReport {
  let header: ModelHeader
  /// Where the tokens are from.
  let source: String
  let tokens: Int
  let comparisons: [FormComparison]
  let tolerance: FormTolerance
  let seconds: Double

  private var failures: [FormFailure] { comparisons.compactMap { $0.failure(tolerance) } }

  /// Names what disagrees, and ends with status 1 if anything does.
  func end(_ global: GlobalOptions) throws {
    for failure in failures { global.say("verify: \(failure.text)") }
    if !failures.isEmpty { throw ExitStatus.checkFailed.exit }
  }

  /// A table for a reader: a row for each pair, and one for each of its layers where wanted.
  func text(everyLayer: Bool) -> String {
    var rows = [
      ["run", "against", "layer", "rms", "largest", "rms", "largest", "rms", "largest", "same token", ""]
    ]
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
    return table(rows) + "\n\n\(grouped(tokens)) tokens of \(source), \(seconds.fixed(1)) s. \(verdict)"
  }

  private func cells(_ layer: FormComparison.LayerDifference) -> [String] {
    [layer.beforeHeadNorm, layer.afterHeadNorm].flatMap { [$0.rms.scientific, $0.largest.scientific] }
  }

  /// Columns as wide as their cells: the first two begin together, the others end together.
  private func table(_ rows: [[String]]) -> String {
    let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    // Three pairs of columns share a heading.
    var headings = "".padded(to: widths[0] + widths[1] + widths[2] + 4)
    for (column, heading) in [(3, "before head norm"), (5, "after head norm"), (7, "logits")] {
      headings += heading.rightAligned(in: widths[column] + widths[column + 1] + 4)
    }
    let lines = rows.map { row in
      zip(row, widths).enumerated().map { column, cell in
        column < 2 ? cell.0.padded(to: cell.1) : cell.0.rightAligned(in: cell.1)
      }.joined(separator: "  ")
    }
    return ([headings] + lines).map(\.withoutSpacesAtEnd).joined(separator: "\n")
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
  /// The pair, the place, what was found.
  fileprivate var text: String {
    let place = layer.map { "layer \($0) after the head norm" } ?? "the logits"
    let expected = tolerated == 0 ? "the same bits" : "an rms difference of at most \(tolerated)"
    return "\(pair.name) against \(pair.yardstickName): \(place): expected \(expected), found \(found.scientific)"
  }
}

extension Double {
  /// A part of one as per cent: 100 only for all.
  fileprivate var percent: String { self == 1 ? "100 %" : "\(min(99.9, 100 * self).fixed(1)) %" }
}

extension String {
  /// With spaces behind it.
  fileprivate func padded(to width: Int) -> String { self + spaces(upTo: width) }

  /// With spaces before it.
  fileprivate func rightAligned(in width: Int) -> String { spaces(upTo: width) + self }

  private func spaces(upTo width: Int) -> String { String(repeating: " ", count: max(0, width - count)) }

  fileprivate var withoutSpacesAtEnd: String { String(reversed().drop { $0 == " " }.reversed()) }
}
