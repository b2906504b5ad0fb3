internal import Reports

/// `index.html`: the whole report as one page that needs nothing else.
struct ReportPage {
  /// The numbers above the charts: a name and a value each.
  let facts: [(name: String, value: String)]
  /// The charts with what they say and their numbers as CSV.
  let charts: [(name: String, chart: Chart, note: String, table: String)]
  /// What is shown of the text.
  let textNote: String
  /// The text, and its numbers as JSON.
  let text: [UInt8]
  let data: [UInt8]
  /// The name of the text.
  let title: String

  var bytes: [UInt8] {
    var page: [UInt8] = []
    page.append("<!DOCTYPE html>\n<html lang=en>\n<head>\n<meta charset=utf-8>\n")
    page.append("<meta name=viewport content=\"width=device-width,initial-scale=1\">\n<title>")
    page.append(html: title)
    page.append(" – where the loss is</title>\n<style>\n\(ChartStyle.sheet)\n\(Self.style)\n</style>\n</head>\n")
    page.append("<body>\n<header>\n<h1>Where the loss is</h1>\n<dl>\n")
    for fact in facts {
      page.append("<div><dt>\(fact.name)</dt><dd>")
      page.append(html: fact.value)
      page.append("</dd></div>\n")
    }
    page.append("</dl>\n</header>\n<main>\n")
    for chart in charts {
      page.append("<figure>\n<div class=wide>\(chart.chart.element(chart.name))</div>\n<figcaption>")
      page.append(html: chart.note)
      page.append("</figcaption>\n\(Self.rows(chart.table))</figure>\n")
    }
    page.append("<h2>The text</h2>\n<p>")
    page.append(html: textNote)
    page.append("</p>\n\(Self.controls)<div id=text>")
    page.append(contentsOf: text)
    page.append("</div>\n</main>\n\(Self.detail)<script type=\"application/json\" id=data>")
    page.append(contentsOf: data)
    page.append("</script>\n<script>\n\(Self.script)\n</script>\n</body>\n</html>\n")
    return page
  }

  /// A table of CSV as HTML, folded up, with numbers rounded.
  private static func rows(_ table: String) -> String {
    let lines = table.split(separator: "\n").map { $0.split(separator: ",", omittingEmptySubsequences: false) }
    guard lines.count > 1 else { return "" }
    let body = lines.enumerated().map { index, cells in
      "<tr>"
        + cells.map { cell in
          if index == 0 { return "<th>\(cell.replacing("_", with: " "))</th>" }
          return "<td>\(Int(cell).map { grouped($0) } ?? Double(cell)?.fixed(4) ?? "")</td>"
        }.joined() + "</tr>\n"
    }
    return "<details><summary>numbers</summary><div class=wide><table>\n\(body.joined())</table></div></details>\n"
  }

  private static let controls = """
    <fieldset id=modes><legend>shade by</legend>
    <label><input type=radio name=mode value=surprise checked>surprise</label>
    <label><input type=radio name=mode value=probability>probability</label>
    <label><input type=radio name=mode value=rank>rank</label>
    <label><input type=radio name=mode value=entropy>entropy</label>
    </fieldset>
    <p id=scale></p>

    """

  private static let detail = """
    <aside id=detail aria-live=polite><p>Point at a token, or tap it. The arrow keys go on from there.</p></aside>

    """
}
