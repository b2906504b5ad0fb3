internal import Inference

/// The beginning of a text as a part of a web page: each token shaded by surprise, and the numbers of the tokens as data
/// for the page's script.
struct PageText {
  /// The most tokens that a page shows.
  static let limit = 20_000

  /// From which surprise in nats on a token has the next shade.
  static let shades = [0.25, 0.5, 1, 2, 3, 4, 6, 8, 10]

  private var html: [UInt8] = []
  private var cells = TextCells()
  private var tokens: [ScoredToken] = []
  /// The number of tokens that are in cells.
  private var shown = 0
  private var pieces: [Int32: String] = [:]
  /// Whether there was more than is shown.
  private(set) var isCut = false

  /// The number of tokens that are shown.
  var count: Int { tokens.count }

  /// Adds the next token.
  ///
  /// - Parameters:
  ///   - token: The token, after those before it.
  ///   - piece: Its piece.
  ///   - bytes: What it adds to the text; nil: unknown.
  mutating func append(_ token: ScoredToken, piece: String, bytes: [UInt8]?) {
    guard tokens.count < Self.limit else {
      isCut = true
      return
    }
    if tokens.last?.document != token.document {
      endDocument()
      html.append("<section data-d=\(token.document) dir=auto>")
    }
    tokens.append(token)
    pieces[token.id] = piece
    for cell in cells.append(piece: piece, bytes: bytes) { append(cell) }
  }

  private mutating func endDocument() {
    for cell in cells.finish() { append(cell) }
    if !tokens.isEmpty { html.append("</section>") }
  }

  private mutating func append(_ cell: TextCell) {
    let losses = tokens[shown..<shown + cell.tokens].map { $0.score?.logProbability }
    shown += cell.tokens
    let isScored = !losses.contains(nil)
    let surprise = losses.reduce(0) { $0 - ($1 ?? 0) }
    var classes = isScored ? "a\(Self.shades.count { $0 <= surprise })" : "u"
    if cell.isControl { classes += " c" }
    if cell.text.allSatisfy({ $0 == "\n" || $0 == "\r\n" || $0 == " " }), cell.text.contains(where: \.isNewline) {
      classes += " n"
    }
    html.append(classes.contains(" ") ? "<i class=\"\(classes)\"" : "<i class=\(classes)")
    if cell.tokens > 1 { html.append(" data-n=\(cell.tokens)") }
    html.append(">")
    html.append(html: cell.text)
    html.append("</i>")
  }

  /// Ends the text.
  ///
  /// - Returns: A section for each document, of which each child is an `i` for one token, or for `data-n` tokens.
  mutating func finish() -> [UInt8] {
    endDocument()
    return html
  }

  /// The numbers of the tokens as a JSON object: lists of ids, ln p, ranks and entropies, and the piece of each id.
  var data: [UInt8] {
    func list(_ name: String, _ value: (ScoredToken) -> String?) -> String {
      "\"\(name)\":[" + tokens.map { value($0) ?? "null" }.joined(separator: ",") + "]"
    }
    var json: [UInt8] = []
    json.append("{" + list("id") { "\($0.id)" } + ",")
    json.append(list("ln") { $0.score.map { ($0.logProbability * 1e4).rounded() / 1e4 }?.description } + ",")
    json.append(list("rank") { ($0.score?.rank).map { "\($0)" } } + ",")
    json.append(list("entropy") { $0.score.map { ($0.entropy * 1e3).rounded() / 1e3 }?.description } + ",\"piece\":{")
    for (index, (id, piece)) in pieces.sorted(by: { $0.key < $1.key }).enumerated() {
      json.append("\(index == 0 ? "" : ",")\"\(id)\":")
      json.append(json: piece)
    }
    json.append("}}")
    return json
  }
}
