internal import ArgumentParser
internal import Files
internal import FoundationEssentials
internal import Inference
internal import Modeling
internal import Tasks

/// The options that turn figures into an exit status, for CI.
struct CheckOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Exit with status 1 if the perplexity per token is above this.", valueName: "ppl"))
  var failAbove: Double?

  @Option(
    help: ArgumentHelp("Compare with what an earlier --json or --results printed.", valueName: "old.json"),
    completion: .file())
  var compare: String?

  @Option(
    help: ArgumentHelp(
      "With --compare: exit with status 1 if a figure is worse by more than this; 0%.", valueName: "1%"))
  var maxIncrease: String?

  @Option(
    help: ArgumentHelp(
      "With --compare: the figures to compare, separated by commas; bits_per_byte, or acc and perplexity of tasks.",
      valueName: "loss,perplexity"))
  var compareKeys: String?

  @Option(help: ArgumentHelp("Write the checks as a JUnit report.", valueName: "junit.xml"), completion: .file())
  var junit: String?

  func validate() throws {
    if let failAbove, !(failAbove > 0) {
      throw ValidationError("--fail-above: expected more than 0, found \(failAbove)")
    }
    if compare == nil {
      let flags = [("--max-increase", maxIncrease != nil), ("--compare-keys", compareKeys != nil)]
      if let name = flags.first(where: \.1)?.0 { throw ValidationError("\(name): expected together with --compare") }
    }
    if let maxIncrease, Self.share(maxIncrease) == nil {
      throw ValidationError("--max-increase: expected a percentage such as 1%, or a share, found '\(maxIncrease)'")
    }
  }

  /// A share from `1%` or `0.01`.
  private static func share(_ word: String) -> Double? {
    let isPercentage = word.hasSuffix("%")
    guard let number = Double(isPercentage ? String(word.dropLast()) : word), number >= 0, number < 1e6 else {
      return nil
    }
    return isPercentage ? number / 100 : number
  }

  private var allowed: Double { maxIncrease.flatMap { Self.share($0) } ?? 0 }

  /// The checks of texts: `--fail-above` and `--compare`.
  ///
  /// - Parameter rows: The reports.
  /// - Returns: A check for each figure.
  /// - Throws: `CommandError` for a file that `eval --json` did not print, or one without these figures.
  func checks(_ rows: [EvalReport]) throws -> [EvaluationCheck] {
    var checks: [EvaluationCheck] = []
    if let failAbove {
      checks += rows.map {
        EvaluationCheck(
          name: "\($0.name): perplexity at most \(failAbove)", value: $0.score.perplexity, limit: failAbove)
      }
    }
    guard let compare else { return checks }
    let old = try Self.read(compare)
    let oldRows: [JSONValue]
    if case .list(let list)? = old["rows"] { oldRows = list } else { oldRows = [.object(old)] }
    guard oldRows.count == rows.count else {
      throw CommandError(.badData, "\(compare): expected \(rows.count) results, found \(oldRows.count)")
    }
    for (row, old) in zip(rows, oldRows) {
      guard case .object(let members) = old else {
        throw CommandError(.badData, "\(compare): expected what eval --json prints, found something else")
      }
      for key in compareKeys?.split(separator: ",").map({ String($0) }) ?? ["bits_per_byte"] {
        let value = try Self.number(row.members, key, "this evaluation")
        checks.append(
          check("\(row.name): \(key)", value, try Self.number(members, key, compare), isHigherBetter: false))
      }
    }
    return checks
  }

  /// The checks of tasks: `--compare`.
  ///
  /// - Parameter results: The results of tasks.
  /// - Returns: A check for each figure.
  /// - Throws: `CommandError` for a file that `eval --results` did not write, or one without these figures.
  func checks(_ results: [TaskResult]) throws -> [EvaluationCheck] {
    guard let compare else { return [] }
    guard case .object(let old)? = try Self.read(compare)["results"] else {
      throw CommandError(.badData, "\(compare): expected what eval --tasks --results writes, found something else")
    }
    let keys = compareKeys?.split(separator: ",").map { String($0) } ?? ["acc", "perplexity"]
    var checks: [EvaluationCheck] = []
    for result in results {
      guard case .object(let members)? = old[result.task.name] else {
        throw CommandError(.badData, "\(compare): expected results of \(result.task.name), found none")
      }
      for figure in result.figures where keys.contains(figure.metric.rawValue) {
        let before = try Self.number(members, "\(figure.metric.rawValue),none", compare)
        checks.append(
          check(
            "\(result.task.name): \(figure.metric.rawValue)", figure.value, before,
            isHigherBetter: figure.metric.isHigherBetter))
      }
    }
    guard !checks.isEmpty else {
      throw CommandError(
        .usage, "--compare-keys: expected figures of these tasks, found \(keys.joined(separator: ", "))")
    }
    return checks
  }

  private func check(_ name: String, _ value: Double, _ before: Double, isHigherBetter: Bool) -> EvaluationCheck {
    isHigherBetter
      ? EvaluationCheck(name: name, value: value, limit: before * (1 - allowed), isLeast: true, before: before)
      : EvaluationCheck(name: name, value: value, limit: before + abs(before) * allowed, before: before)
  }

  private static func read(_ path: String) throws -> [String: JSONValue] {
    try FileRole.evaluation.check(path)
    let bytes = try readAll(path: path, byteLimit: 1 << 26)
    guard let members = try? JSONDecoder().decode([String: JSONValue].self, from: Data(bytes)) else {
      throw CommandError(.badData, "\(path): expected what eval --json prints, found something else")
    }
    return members
  }

  private static func number(_ members: [String: JSONValue], _ key: String, _ source: String) throws -> Double {
    switch members[key] {
    case .number(let number): return number
    case .integer(let number): return Double(number)
    default:
      throw CommandError(
        .badData, "\(source): expected a number '\(key)', found none",
        hint: "\(source) has \(members.filter { $0.value.isNumber }.keys.sorted().joined(separator: ", "))")
    }
  }

  /// Prints and writes checks.
  ///
  /// - Parameters:
  ///   - checks: The checks.
  ///   - seconds: The time of the evaluation.
  ///   - global: Prints those that failed, and with `-v` the others.
  /// - Throws: Status 1 if one failed, after everything is written.
  func report(_ checks: [EvaluationCheck], seconds: Double, _ global: GlobalOptions) throws {
    if let junit {
      let file = try AtomicFile(replacing: junit)
      try file.write(Array(EvaluationCheck.junit(checks, seconds: seconds).utf8))
      try file.commit()
    }
    for check in checks where !check.isPassed || global.verbose { global.say("eval: \(check.message)") }
    if checks.contains(where: { !$0.isPassed }) { throw ExitStatus.checkFailed.exit }
  }
}

extension JSONValue {
  fileprivate var isNumber: Bool {
    switch self {
    case .integer, .number: true
    default: false
    }
  }
}

/// A figure with its limit.
struct EvaluationCheck {
  let name: String
  let value: Double
  let limit: Double
  /// Whether the limit is the lowest value; otherwise it is the highest.
  var isLeast = false
  /// The value that it is compared with.
  var before: Double?

  /// A value that is not a number fails.
  var isPassed: Bool { isLeast ? value >= limit : value <= limit }

  var message: String {
    let compared = before.map { ", was \($0)" } ?? ""
    return "\(name): \(value) is \(isPassed ? "within" : isLeast ? "below" : "above") \(limit)\(compared)"
  }

  /// The checks as a JUnit report.
  static func junit(_ checks: [EvaluationCheck], seconds: Double) -> String {
    let failures = checks.count { !$0.isPassed }
    var lines = [
      #"<?xml version="1.0" encoding="UTF-8"?>"#,
      #"<testsuites tests="\#(checks.count)" failures="\#(failures)" time="\#(seconds.fixed(3))">"#,
      #"<testsuite name="retnet eval" tests="\#(checks.count)" failures="\#(failures)" time="\#(seconds.fixed(3))">"#,
    ]
    for check in checks {
      let start = #"<testcase classname="retnet.eval" name="\#(check.name.escapedForXML)""#
      if check.isPassed {
        lines.append("\(start)/>")
      } else {
        lines.append(#"\#(start)><failure message="\#(check.message.escapedForXML)"/></testcase>"#)
      }
    }
    return (lines + ["</testsuite>", "</testsuites>", ""]).joined(separator: "\n")
  }
}

extension String {
  /// The text as the value of an XML attribute; characters that XML cannot have become U+FFFD.
  fileprivate var escapedForXML: String {
    var text = ""
    for scalar in unicodeScalars {
      switch scalar {
      case "&": text += "&amp;"
      case "<": text += "&lt;"
      case ">": text += "&gt;"
      case "\"": text += "&quot;"
      default: text.unicodeScalars.append(scalar.value < 0x20 || scalar.value == 0xFFFE ? "\u{FFFD}" : scalar)
      }
    }
    return text
  }
}
