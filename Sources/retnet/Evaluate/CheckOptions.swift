internal import ArgumentParser
internal import Configurations
internal import Files
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
    if let failAbove, !(failAbove > 0 && failAbove.isFinite) {
      throw ValidationError("--fail-above: expected more than 0, found \(failAbove)")
    }
    if junit != nil, failAbove == nil, compare == nil {
      throw ValidationError("--junit: expected together with --fail-above or --compare")
    }
    if let compareKeys {
      let known = Self.directions.keys.sorted() + ["acc", "acc_norm", "acc_bytes"]
      if let key = Self.keys(compareKeys).first(where: { !known.contains($0) }) {
        throw ValidationError("--compare-keys: expected \(known.joined(separator: ", ")), found '\(key)'")
      }
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

  private static func keys(_ list: String) -> [String] {
    list.split(separator: ",", omittingEmptySubsequences: false).map { String($0) }
  }

  /// The figures of a text that can be compared, and whether a higher one is better.
  private static let directions = [
    "loss": false, "perplexity": false, "bits_per_byte": false, "byte_perplexity": false, "word_perplexity": false,
    "seconds": false, "peak_memory_bytes": false, "tokens_per_second": true,
  ]
  /// What two results must have in common; `bits_per_byte` can be compared across tokenizers.
  private static let method = ["method_text", "tokenizer_digest"]

  private var allowed: Double { maxIncrease.flatMap { Self.share($0) } ?? 0 }

  /// The checks of texts: `--fail-above` and `--compare`.
  ///
  /// - Parameters:
  ///   - rows: The reports.
  ///   - earlier: What `earlierRows` has read.
  /// - Returns: A check for each figure.
  /// - Throws: `CommandError` for a file that `eval --json` did not print, or one without these figures.
  func checks(_ rows: [EvalReport], earlier: [JSONValue]?) throws -> [EvaluationCheck] {
    var checks: [EvaluationCheck] = []
    if let failAbove {
      checks += rows.map {
        EvaluationCheck(
          name: "\($0.name): perplexity at most \(failAbove)", value: $0.score.perplexity, limit: failAbove)
      }
    }
    guard let compare, let earlier else { return checks }
    for (row, old) in zip(rows, earlier) {
      guard case .object(let members) = old else {
        throw CommandError(.badData, "\(compare): expected what eval --json prints, found something else")
      }
      let usual = row.score.bytes > 0 ? "bits_per_byte" : "perplexity"
      let keys = compareKeys.map { Self.keys($0) } ?? [usual]
      for name in Self.method where name != "tokenizer_digest" || keys != ["bits_per_byte"] {
        let (now, before) = (row.members[name] ?? .null, members[name] ?? .null)
        guard now == before else {
          throw CommandError(
            .badData,
            "\(compare): \(name): expected \(Self.word(now)), that of this evaluation, found \(Self.word(before))",
            hint: "figures of two methods or tokenizers cannot be compared; docs/EVALUATION.md says which can")
        }
      }
      for key in keys {
        let value = try Self.number(row.members, key, "this evaluation")
        checks.append(
          check(
            "\(row.name): \(key)", value, try Self.number(members, key, compare),
            isHigherBetter: Self.directions[key] ?? true))
      }
    }
    return checks
  }

  /// The checks of tasks: `--compare`.
  ///
  /// - Parameters:
  ///   - report: The results of tasks.
  ///   - file: What `earlierResults` has read.
  /// - Returns: A check for each figure.
  /// - Throws: `CommandError` for a file that `eval --results` did not write, or one without these figures.
  func checks(_ report: TaskReport, earlier file: [String: JSONValue]?) throws -> [EvaluationCheck] {
    guard let compare, let file else { return [] }
    guard case .object(let old)? = file["results"], case .object(let config)? = file["config"] else {
      throw CommandError(.badData, "\(compare): expected what eval --tasks --results writes, found something else")
    }
    let now = report.members
    for name in ["add_bos_token", "fewshot_seed", "precision"] {
      guard case .object(let own)? = now["config"], own[name] != config[name] else { continue }
      throw Self.otherRule(compare, name, own[name], config[name])
    }
    let keys = compareKeys.map { Self.keys($0) } ?? ["acc", "perplexity"]
    var checks: [EvaluationCheck] = []
    for result in report.results {
      for name in ["n-shot", "n-samples", "versions"] {
        guard case .object(let own)? = now[name], case .object(let others)? = file[name] else { continue }
        let (mine, theirs) = (own[result.task.name], others[result.task.name])
        guard Self.word(mine ?? .null) == Self.word(theirs ?? .null) else {
          throw Self.otherRule(compare, "\(result.task.name): \(name)", mine, theirs)
        }
      }
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

  private static func otherRule(
    _ path: String, _ name: String, _ now: JSONValue?, _ before: JSONValue?
  ) -> CommandError {
    CommandError(
      .badData,
      "\(path): \(name): expected \(word(now ?? .null)), as in this evaluation, found \(word(before ?? .null))",
      hint: "figures of two methods cannot be compared")
  }

  /// A value in a message.
  private static func word(_ value: JSONValue) -> String {
    if case .text(let text) = value { return "'\(text)'" }
    // A whole number has two forms.
    if case .number(let number) = value, let whole = Int(exactly: number) { return "\(whole)" }
    return (try? sortedJSON(value)) ?? "none"
  }

  /// Reads the results of tasks to compare with, before anything is evaluated.
  ///
  /// - Returns: The file; nil without `--compare`.
  /// - Throws: `FileError`, `CommandError`.
  func earlierResults() throws -> [String: JSONValue]? { try compare.map { try Self.read($0) } }

  /// Reads the results of texts to compare with, before anything is evaluated.
  ///
  /// - Parameter count: The number of results.
  /// - Returns: As many; nil without `--compare`.
  /// - Throws: `FileError`, `CommandError`.
  func earlierRows(count: Int) throws -> [JSONValue]? {
    guard let path = compare else { return nil }
    let file = try Self.read(path)
    let rows: [JSONValue]
    if case .list(let list)? = file["rows"] { rows = list } else { rows = [.object(file)] }
    guard rows.count == count else {
      throw CommandError(.badData, "\(path): expected \(counted(count, "result")), found \(grouped(rows.count))")
    }
    return rows
  }

  private static func read(_ path: String) throws -> [String: JSONValue] {
    try FileRole.evaluation.check(path)
    let bytes = try readAll(path: path, byteLimit: 1 << 26)
    guard let members = try? decodedJSON([String: JSONValue].self, from: bytes) else {
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
  ///   - file: The file of `--junit`, which was opened before the evaluation.
  ///   - global: Prints those that failed, and with `-v` the others.
  /// - Throws: Status 1 if one failed, after everything is written.
  func report(
    _ checks: [EvaluationCheck], seconds: Double, to file: AtomicFile?, _ global: GlobalOptions
  ) throws {
    try file?.write(Array(EvaluationCheck.junit(checks, seconds: seconds).utf8))
    try file?.commit()
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
      case "\0"..."\u{1F}", "\u{FFFE}"..."\u{FFFF}": text += "\u{FFFD}"
      default: text.unicodeScalars.append(scalar)
      }
    }
    return text
  }
}
