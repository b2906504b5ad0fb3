internal import Reports

/// The report as Markdown, with pictures as files beside it.
struct PaperMarkdown {
  private let report: PaperReport

  init(_ report: PaperReport) { self.report = report }

  var text: String {
    var parts = ["# \(PaperReport.title)"] + report.introduction
    parts.append(
      table(
        ["section", "verdict", "result"],
        report.sections.map { ["[\($0.title)](#\(anchor($0.title)))", "**\($0.verdict.rawValue)**", $0.sentence] },
        areNumbers: false))
    parts.append(table(["", ""], report.facts.map { [$0.name, $0.value] }, areNumbers: false))
    for section in report.sections {
      parts += ["## \(section.title)", "The paper: \(section.claim)"]
      parts.append("Here: **\(section.verdict.rawValue)**. \(section.sentence)")
      parts += section.blocks.map(block)
    }
    parts.append("## Every experiment")
    parts.append(
      "What sets each, as `retnet train --set` takes it. The folder of an experiment has its whole configuration.")
    let lines = report.experiments.map { "\($0.name): \($0.settings.joined(separator: " "))" }
    parts.append("<details><summary>\(counted(lines.count, "experiment"))</summary>")
    parts.append("```\n\(lines.joined(separator: "\n"))\n```")
    parts.append("</details>")
    return parts.joined(separator: "\n\n") + "\n"
  }

  private func block(_ block: PaperFindings.Block) -> String {
    switch block {
    case .text(let text): text
    case .table(let table): "\(table.caption)\n\n" + self.table(table.headings, table.rows, areNumbers: true)
    case .chart(let name, let chart): "![\(chart.title)](\(name).svg)"
    }
  }

  private func table(_ headings: [String], _ rows: [[String]], areNumbers: Bool) -> String {
    let rule = headings.indices.map { areNumbers && $0 > 0 ? "---:" : "---" }
    return ([headings, rule] + rows).map { cells in
      "| " + cells.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ") + " |"
    }.joined(separator: "\n")
  }

  /// The name that GitHub gives to a heading.
  private func anchor(_ title: String) -> String { title.lowercased().replacing(" ", with: "-") }
}
