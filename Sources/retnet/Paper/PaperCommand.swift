internal import ArgumentParser
internal import Files

/// `retnet paper` repeats the paper's experiments small.
struct PaperCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "paper",
    abstract: "Repeat the paper's experiments on this machine, and write a report.",
    discussion: """
      Examples:
        retnet paper --quick -o report
        retnet paper --text my.txt -o report
        retnet paper --only scaling --only recall -o report

      RetNets and Transformers of up to 3 million weights are trained, and their speed is measured. The folder gets
      report.md, report.html, the pictures and a folder for each experiment. Ctrl-C stops it; the same command goes on
      from there. About two hours on two cores, with --quick ten minutes.
      """)

  @OptionGroup var global: GlobalOptions

  @Option(
    name: .shortWithValue("o"), help: ArgumentHelp("Folder of the report.", valueName: "folder"),
    completion: .directory)
  var output: String

  @Option(
    help: ArgumentHelp("Text to train on (default: the King James Bible of 'make paper').", valueName: "file"),
    completion: .file())
  var text: String?

  @Option(help: ArgumentHelp("Only this section; may be repeated.", valueName: "section"))
  var only: [PaperSectionName] = []

  @Flag(help: "Make a demonstration in ten minutes: little training, few seeds.")
  var quick = false

  /// Where `make paper` puts the text.
  private static let bible = "data/kjv/kjv.txt"

  func validate() throws { try CommandFiles().reading("--text", text).writingFolder("--output", output).check() }

  func run() throws {
    let path = text ?? Self.bible
    if text == nil, !fileExists(path: path) {
      throw CommandError(
        .inputMissing, "\(path): no such file",
        hint: "'make paper' writes it from Debian's package bible-kjv; or --text FILE")
    }
    let run = PaperRun(
      quick ? .quick : .full, text: path, output: output, only: only.map(\.rawValue), options: global)
    try StandardStream.output.write(try run.make() + "\n")
  }
}

/// The name of a section, as `--only` takes it.
enum PaperSectionName: String, CaseIterable, ExpressibleByArgument {
  case scaling
  case trainingCost = "training-cost"
  case inferenceCost = "inference-cost"
  case ablations, architectures, context, recall
}
