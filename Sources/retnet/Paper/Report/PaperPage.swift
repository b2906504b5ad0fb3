internal import Reports

/// The report as one page that needs nothing else.
struct PaperPage {
  private let report: PaperReport

  init(_ report: PaperReport) { self.report = report }

  var bytes: [UInt8] {
    var page: [UInt8] = []
    page.append("<!DOCTYPE html>\n<html lang=en>\n<head>\n<meta charset=utf-8>\n")
    page.append(
      "<meta name=viewport content=\"width=device-width,initial-scale=1\">\n<title>\(PaperReport.title)</title>\n")
    page.append("<style>\n\(ChartStyle.sheet)\n\(PageStyle.sheet)\n\(Self.style)\n</style>\n</head>\n<body>\n")
    page.append("<header>\n<h1>\(PaperReport.title)</h1>\n")
    for paragraph in report.introduction { add(paragraph, to: &page) }
    page.append("<div class=wide><table class=summary><tr><th>section<th>verdict<th>result</tr>\n")
    for section in report.sections {
      page.append("<tr><td><a href=\"#\(section.name)\">\(section.title)</a><td>\(mark(section.verdict))<td>")
      page.append(html: section.sentence)
      page.append("</tr>\n")
    }
    page.append("</table></div>\n<dl>\n")
    for fact in report.facts {
      page.append("<div><dt>\(fact.name)</dt><dd>")
      page.append(html: fact.value)
      page.append("</dd></div>\n")
    }
    page.append("</dl>\n</header>\n<main>\n")
    for section in report.sections { add(section, to: &page) }
    page.append("<h2>Every experiment</h2>\n<p>What sets each, as <code>retnet train --set</code> takes it.</p>\n")
    page.append("<details><summary>\(counted(report.experiments.count, "experiment"))</summary><dl class=settings>\n")
    for experiment in report.experiments {
      page.append("<dt>\(experiment.name)</dt><dd><code>")
      page.append(html: experiment.settings.joined(separator: " "))
      page.append("</code></dd>\n")
    }
    page.append("</dl></details>\n</main>\n</body>\n</html>\n")
    return page
  }

  private func mark(_ verdict: PaperFindings.Verdict) -> String {
    let name =
      switch verdict {
      case .reproduced: "yes"
      case .notReproduced: "no"
      case .partly, .tooSmall, .own: "open"
      }
    return "<b class=\(name)>\(verdict.rawValue)</b>"
  }

  private func add(_ section: PaperFindings, to page: inout [UInt8]) {
    page.append("<h2 id=\(section.name)>\(section.title)</h2>\n")
    add("The paper: " + section.claim, to: &page)
    page.append("<p>Here: \(mark(section.verdict)). ")
    page.append(html: section.sentence)
    page.append("</p>\n")
    for block in section.blocks {
      switch block {
      case .text(let text): add(text, to: &page)
      case .table(let table): add(table, to: &page)
      case .chart(let name, let chart):
        page.append("<figure><div class=wide>\(chart.element(name))</div></figure>\n")
      }
    }
  }

  /// A paragraph; between two stars it is bold, between two backquotes code.
  private func add(_ paragraph: String, to page: inout [UInt8]) {
    page.append("<p>")
    for (index, part) in paragraph.split(separator: "**", omittingEmptySubsequences: false).enumerated() {
      if index % 2 == 1 { page.append("<b>") }
      for (index, part) in part.split(separator: "`", omittingEmptySubsequences: false).enumerated() {
        if index % 2 == 1 { page.append("<code>") }
        page.append(html: String(part))
        if index % 2 == 1 { page.append("</code>") }
      }
      if index % 2 == 1 { page.append("</b>") }
    }
    page.append("</p>\n")
  }

  private func add(_ table: PaperTable, to page: inout [UInt8]) {
    page.append("<figure><div class=wide><table>\n")
    for (index, row) in ([table.headings] + table.rows).enumerated() {
      page.append("<tr>")
      for cell in row {
        page.append(index == 0 ? "<th>" : "<td>")
        page.append(html: cell)
      }
      page.append("</tr>\n")
    }
    page.append("</table></div><figcaption>")
    page.append(html: table.caption)
    page.append("</figcaption></figure>\n")
  }

  private static let style = """
    figcaption{color:var(--dim);font-size:.9rem;margin-top:.25rem}figure{margin:1.25rem 0}
    td:first-child,th:first-child{text-align:left}tr+tr td{border-top:1px solid var(--rule)}
    .summary td,.summary th{text-align:left;white-space:normal;vertical-align:top;padding:.35rem .75rem .35rem 0}
    .summary td:nth-child(-n+2){white-space:nowrap}
    a{color:inherit}b.yes{color:#1a7f37}b.no{color:#cf222e}b.open{color:var(--dim)}code{font-size:.85em}
    header dl{margin-top:1.5rem}.settings dt{margin-top:.5rem}
    @media (prefers-color-scheme:dark){b.yes{color:#3fb950}b.no{color:#ff7b72}}
    """
}
