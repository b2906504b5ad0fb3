internal import Files
internal import Reports

/// The whole report: what was found, and everything that a reader needs to judge or repeat it.
struct PaperReport {
  let isQuick: Bool
  /// Machine, text and sizes: a name and a value each.
  let facts: [(name: String, value: String)]
  let sections: [PaperFindings]
  /// The settings of every experiment.
  let experiments: [(name: String, settings: [String])]

  static let title = "The RetNet paper, repeated small"

  /// What a reader has to know before the first number.
  var introduction: [String] {
    var paragraphs = [
      "Sun et al. 2023 (Retentive Network: A Successor to Transformer for Large Language Models, arXiv 2307.08621) compare a "
        + "RetNet with a Transformer at 1.3 to 13 billion weights. `retnet paper` repeats the comparisons with networks of a "
        + "few million weights, on one machine and one text. Both networks run in one program: the same text, order of the "
        + "data, optimizer, number of weights and numerics; only the type of the layers differs.",
      "\"Reproduced\" means that a difference has the sign that it has in the paper, not its size; \"partly\", that only some "
        + "of the paper's claims hold. A difference counts if it is larger than two standard errors over the seeds; otherwise "
        + "it is too small to tell. Times have no seeds: a ratio counts from 2 % on, and 90 % of a speed is taken as the same. "
        + "Losses are in nats per token of the held-out text; perplexity is e^loss. Learning rates are chosen for "
        + "each network by a sweep.",
    ]
    if isQuick {
      paragraphs.insert(
        "**A demonstration.** This report was made with `--quick`: little training, few seeds. Its numbers show what the full "
          + "report looks like, and prove nothing.", at: 0)
    }
    return paragraphs
  }

  /// Writes `report.md`, `report.html` and the pictures.
  func write(to folder: String) throws(FileError) {
    for section in sections {
      for case .chart(let name, let chart) in section.blocks {
        try AtomicFile.write(Array(chart.svg.utf8), replacing: "\(folder)/\(name).svg")
      }
    }
    try AtomicFile.write(Array(PaperMarkdown(self).text.utf8), replacing: folder + "/report.md")
    try AtomicFile.write(PaperPage(self).bytes, replacing: folder + "/report.html")
  }
}
