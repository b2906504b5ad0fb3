internal import ArgumentParser
internal import Files
internal import Inference

/// `retnet verify` checks that the forms of retention agree on a model's weights.
struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Check that all forms of retention agree on a model's weights.",
    discussion: """
      Examples:
        retnet verify runs/kjv-small/best.safetensors
        retnet verify model.safetensors --file test.txt --length 2000 --json

      Reads the same tokens in the parallel, recurrent and chunkwise forms, in stretches with the state carried and \
      saved, on one and two threads, and as documents packed into one sequence. The parallel form is the reference. \
      Differences are relative to the root mean square of the reference; --verbose lists every layer.
      """)

  @Argument(
    help: ArgumentHelp("Model file, or a run folder for its best model.", valueName: "model"), completion: .file())
  var model: String

  @OptionGroup var global: GlobalOptions

  @Option(
    help: ArgumentHelp("Text or token file to read (default: a built-in text).", valueName: "text"),
    completion: .file())
  var file: String?

  @Option(help: ArgumentHelp("Tokens to read, 2 to 65536.", valueName: "n"))
  var length = FormVerification.defaultLength

  @Option(
    help: ArgumentHelp(
      "Chunk length of the chunkwise form, 1 to 65536; may be repeated (default: 1, 7, 64, 100 and the length).",
      valueName: "c"))
  var chunkLength: [Int] = []

  @Option(
    help: ArgumentHelp(
      "Tolerated RMS difference of the logits; a tenth of it in each layer after the head norm (default: 1e-4).",
      valueName: "r"))
  var tolerance: Double?

  @Flag(help: "Print one JSON object.")
  var json = false

  func validate() throws {
    try CommandFiles().reading("MODEL", model).reading("--file", file).check()
    if !(2...65_536).contains(length) {
      throw ValidationError("--length: expected 2 to 65536, found \(length)")
    }
    if let wrong = chunkLength.first(where: { !(1...65_536).contains($0) }) {
      throw ValidationError("--chunk-length: expected 1 to 65536, found \(wrong)")
    }
    if let tolerance, !(tolerance > 0 && tolerance.isFinite) {
      throw ValidationError("--tolerance: expected a number above 0, found \(tolerance)")
    }
  }

  func run() throws {
    var verification = FormVerification(model: try modelFile(model, global.talk))
    verification.file = file
    verification.length = length
    if !chunkLength.isEmpty { verification.chunkLengths = chunkLength }
    if let tolerance { verification.tolerance = FormTolerance(logits: tolerance) }
    Machine.warnOfSlowBLAS(global.talk)
    let report = try verification.run(global)
    try StandardStream.output.write((json ? report.json.text : report.text(everyLayer: global.verbose)) + "\n")
    try report.end(global)
  }
}
