internal import ArgumentParser
internal import Files
internal import Inference

/// `retnet state diff` compares two states layer by layer.
struct StateDiff: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "diff",
    abstract: "Compare two states; exit with status 1 if they differ.",
    discussion: """
      Examples:
        retnet state diff before.state after.state
        retnet state diff a.state b.state --json

      A layer's difference is rms(A - B) / rms(B) over everything that it stores.
      """)

  @Argument(help: "State file A.", completion: .file())
  var first: String

  @Argument(help: "State file B.", completion: .file())
  var second: String

  @OptionGroup var global: GlobalOptions

  @Flag(help: "Print one JSON object.")
  var json = false

  func validate() throws { try CommandFiles().reading("FIRST", first).reading("SECOND", second).check() }

  func run() throws {
    let (a, b) = (try StateFile(path: first), try StateFile(path: second))
    let difference = try StateDifference(a, b)
    let largest = difference.layers.reduce(0) { $1.isNaN ? $1 : max($0, $1) }
    let members: [(String, JSONValue)] = [
      ("same_model", .boolean(a.modelDigest == b.modelDigest)),
      ("same_text", .boolean(difference.isSameText)),
      ("tokens", .list([.integer(difference.positions.0), .integer(difference.positions.1)])),
      ("largest_difference", .number(largest)), ("differences", .list(difference.layers.map { .number($0) })),
    ]
    let report = JSONReport(Dictionary(uniqueKeysWithValues: members))
    let lines = textReport(Array(members.prefix(2)) + Self.shown(difference, largest: largest))
    try StandardStream.output.write((json ? report.text : lines) + "\n")
    if a.modelDigest != b.modelDigest || !difference.isSameText || largest != 0 { throw ExitStatus.checkFailed.exit }
  }

  /// The report for people: two digits for each layer.
  private static func shown(_ difference: StateDifference, largest: Double) -> [(String, JSONValue)] {
    let (a, b) = difference.positions
    return [("tokens", .text("\(grouped(a)) and \(grouped(b))")), ("largest_difference", .text(largest.scientific))]
      + difference.layers.enumerated().map { ("layer_\($0.offset)", .text($0.element.scientific)) }
  }
}
