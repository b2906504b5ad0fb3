internal import Files
internal import FoundationEssentials
internal import Tensors

/// Makes a report: does the experiments, and writes what they show.
package struct PaperRun {
  private let scale: PaperScale
  private let text: String
  private let output: String
  private let sections: [any PaperSection]
  private let options: GlobalOptions

  /// - Parameters:
  ///   - scale: How much the experiments do.
  ///   - text: The path of the text to train on.
  ///   - output: The folder of the report.
  ///   - only: The names of the sections; empty: all.
  ///   - options: Threads and messages.
  package init(_ scale: PaperScale, text: String, output: String, only: [String], options: GlobalOptions) {
    (self.scale, self.text, self.output, self.options) = (scale, text, output, options)
    sections = PaperSections.all.filter { only.isEmpty || only.contains($0.name) }.map { $0.init(scale) }
  }

  /// Does what is not done yet, and writes the report.
  ///
  /// - Returns: A line for each section, and the names of the files.
  /// - Throws: The errors of `PaperStudy`; `FileError`.
  package func make() throws -> String {
    let pool = try options.makePool()
    Machine.warnOfSlowBLAS(options.talk)
    var study = PaperStudy(folder: output, text: text, scale: scale, sections: sections, options: options)
    try study.run(on: pool)
    let report = PaperReport(
      isQuick: scale.isQuick, facts: facts(threads: pool.threadCount),
      sections: sections.map { $0.findings(study.results, study.rates) }, experiments: study.settings)
    try report.write(to: output)
    let lines = report.sections.map { "\($0.title): \($0.verdict.rawValue). \($0.sentence)" }
    return (lines + ["\(output)/report.html, \(output)/report.md"]).joined(separator: "\n")
  }

  private func facts(threads: Int) -> [(name: String, value: String)] {
    [
      ("machine", "\(Machine.cpuName), \(counted(threads, "thread")), \(CPU().names.joined(separator: " "))"),
      ("products", BLAS.coreName), ("program", "retnet \(Version.number), commit \(Terminal.buildCommit.prefix(12))"),
      ("date", String(Date().formatted(.iso8601).prefix(10))),
      ("text", text.split(separator: "/").last.map { String($0) } ?? text),
      ("training", "\(grouped(scale.tokens)) tokens for each network, \(counted(scale.seeds, "seed"))"),
    ]
  }
}
