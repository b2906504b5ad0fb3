internal import Files
internal import Reports
internal import Tokenization

/// What `tokenize stats` prints: a column for each tokenizer.
struct StatisticsReport {
  private let files: [String]
  private let words: Int
  private let statistics: [TokenStatistics]

  /// - Parameters:
  ///   - files: The names of the texts.
  ///   - words: The number of words in them.
  ///   - statistics: Those of each tokenizer, over the same documents; at least one.
  init(files: [String], words: Int, _ statistics: [TokenStatistics]) {
    (self.files, self.words, self.statistics) = (files, words, statistics)
  }

  private static func share(_ part: Int, of whole: Int) -> Double { whole == 0 ? 0 : Double(part) / Double(whole) }

  private func tokensPerWord(_ found: TokenStatistics) -> Double? {
    words == 0 ? nil : Double(found.tokens) / Double(words)
  }

  // MARK: - Text

  var text: String {
    let (bytes, documents) = (statistics[0].bytes, statistics[0].documents)
    let rows: [(String, (TokenStatistics) -> String)] = [
      ("tokenizer", { $0.tokenizer.path }), ("kind", { $0.tokenizer.algorithmName }),
      ("vocabulary", { grouped($0.tokenizer.vocabularySize) }), ("tokens", { grouped($0.tokens) }),
      ("bytes per token", { Self.share($0.bytes, of: $0.tokens).fixed(3) }),
      ("tokens per word", { tokensPerWord($0)?.fixed(3) ?? "no words" }),
      ("unknown pieces", { Self.percent($0.unknown, of: $0.tokens) }),
      ("byte pieces", { Self.percent($0.bytePieces, of: $0.tokens) }),
      ("unused pieces", { grouped($0.unusedIDs.count) }), ("round trip", { roundTrip($0) }),
    ]
    var lines = ["\(grouped(bytes)) bytes, \(grouped(words)) words, \(grouped(documents)) documents"]
    let columns = statistics.map { found in rows.map { $0.1(found) } }
    let widths = columns.map { column in column.map(\.count).max() ?? 0 }
    for (row, title) in rows.map(\.0).enumerated() {
      let cells = zip(columns, widths).map { $0[row].padded(to: $1) }
      lines.append("\(title.padded(to: 17))\(cells.joined(separator: "  "))".trimmed)
    }
    lines.append("longest documents, by tokens of \(statistics[0].tokenizer.path)")
    for document in statistics[0].longest {
      lines.append(
        "  \(document.source), document \(grouped(document.number)): \(grouped(document.tokens)) tokens, "
          + "\(grouped(document.bytes)) bytes")
    }
    return lines.joined(separator: "\n")
  }

  private static func percent(_ part: Int, of whole: Int) -> String { "\((100 * share(part, of: whole)).fixed(3)) %" }

  private func roundTrip(_ found: TokenStatistics) -> String {
    found.changedDocuments == 0 ? "exact" : "\(grouped(found.changedDocuments)) documents changed"
  }

  // MARK: - JSON

  var json: JSONReport {
    JSONReport([
      "files": .list(files.map { .text($0) }), "bytes": .integer(statistics[0].bytes), "words": .integer(words),
      "documents": .integer(statistics[0].documents),
      "tokenizers": .list(statistics.map { .object(members($0)) }),
    ])
  }

  private func members(_ found: TokenStatistics) -> [String: JSONValue] {
    [
      "tokenizer": .text(found.tokenizer.path), "model_type": .text(found.tokenizer.algorithmName),
      "tokenizer_digest": .text(SHA256Digest(of: found.tokenizer.model).description),
      "vocabulary_size": .integer(found.tokenizer.vocabularySize), "tokens": .integer(found.tokens),
      "bytes_per_token": .number(Self.share(found.bytes, of: found.tokens)),
      "tokens_per_word": tokensPerWord(found).map { .number($0) } ?? .null,
      "unknown_share": .number(Self.share(found.unknown, of: found.tokens)),
      "byte_piece_share": .number(Self.share(found.bytePieces, of: found.tokens)),
      "unused_ids": .list(found.unusedIDs.map { .integer(Int($0)) }),
      "changed_documents": .integer(found.changedDocuments),
      "tokens_by_bytes": .list(found.tokensByLength.map { .integer($0) }),
      "longest_documents": .list(
        found.longest.map { document in
          .object([
            "file": .text(document.source), "document": .integer(document.number),
            "tokens": .integer(document.tokens), "bytes": .integer(document.bytes),
          ])
        }),
    ]
  }

  // MARK: - Chart

  /// The share of tokens by the bytes that they stand for.
  var chart: Chart {
    let roles: [ChartStyle.Role] = [.first, .second, .third]
    let series = zip(roles, statistics).map { role, found in
      let shares = found.tokensByLength.enumerated().dropFirst().map { length, count in
        (step: Double(length), value: 100 * Self.share(count, of: found.tokens))
      }
      return Chart.Series(
        role, "\(Self.share(found.bytes, of: found.tokens).fixed(2)) bytes", line: shares, hasDots: true)
    }
    return Chart(
      title: "Bytes per token", subtitle: statistics.map(\.tokenizer.path).joined(separator: " · "),
      stepTitle: "bytes of a token; the last value counts longer ones too", lastStep: TokenStatistics.longestLength,
      [Chart.Panel("share of the tokens, %", share: 1, series, startsAtZero: true, leastTop: 100)])
  }
}

extension String {
  fileprivate var trimmed: String {
    var text = self
    while text.last == " " { text.removeLast() }
    return text
  }
}
