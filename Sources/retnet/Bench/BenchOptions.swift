internal import ArgumentParser

/// The options of every benchmark, such as repetitions, threads and output format.
struct BenchOptions: ParsableArguments {
  @Option(
    name: .shortWithValue("t"),
    help: ArgumentHelp(
      "Threads, 1 to 1024; several numbers are measured in turn (default: RETNET_THREADS, else the cores).",
      valueName: "1,2"))
  var threads: String?

  @Option(name: .shortWithValue("r"), help: ArgumentHelp("Timed repetitions, 1 to 1000.", valueName: "n"))
  var repetitions = 5

  @Option(help: ArgumentHelp("Output format.", valueName: "md|json|jsonl|csv"))
  var outputFormat = BenchFormat.md

  @Option(
    help: ArgumentHelp("Compare with the rows of an earlier run, printed as json.", valueName: "base.json"),
    completion: .file())
  var compare: String?

  @Option(
    help: ArgumentHelp("With --compare: exit with status 1 if a row lost more of its tokens/s.", valueName: "5%"))
  var maxSlowdown: String?

  func validate() throws {
    _ = try threadCounts
    if !(1...1000).contains(repetitions) {
      throw ValidationError("--repetitions: expected 1 to 1000, found \(repetitions)")
    }
    if compare == nil && maxSlowdown != nil {
      throw ValidationError("--max-slowdown: expected together with --compare")
    }
    _ = try slowdown
  }

  /// The thread counts in the order given.
  var threadCounts: [Int] {
    get throws {
      guard let threads else {
        return [try GlobalOptions.threadsFromEnvironment() ?? GlobalOptions.defaultThreadCount]
      }
      return try integers("--threads", threads, in: GlobalOptions.threadRange)
    }
  }

  /// The rows to compare with; nil without `--compare`.
  ///
  /// - Throws: If the file is missing or holds no rows.
  func openBase() throws -> BenchBase? {
    try compare.map { try BenchBase(path: $0, slowdown: slowdown) }
  }

  /// `--max-slowdown` as a fraction.
  private var slowdown: Double? {
    get throws {
      guard let maxSlowdown else { return nil }
      let digits = maxSlowdown.hasSuffix("%") ? maxSlowdown.dropLast() : maxSlowdown[...]
      guard let percent = Double(digits), percent >= 0, percent < 100 else {
        throw ValidationError("--max-slowdown: expected 0% or more and less than 100%, found '\(maxSlowdown)'")
      }
      return percent / 100
    }
  }
}

/// The output formats of a benchmark.
enum BenchFormat: String, CaseIterable, ExpressibleByArgument {
  /// A table for people, in Markdown.
  case md
  /// One object with all rows.
  case json
  /// An object for each row.
  case jsonl
  case csv
}

/// Parses several numbers of a flag, in the order given.
///
/// - Parameters:
///   - flag: The flag as typed.
///   - text: Integers separated by commas.
///   - range: The allowed range of each.
/// - Returns: The numbers, at least one.
/// - Throws: `ValidationError` that says what was expected.
func integers(_ flag: String, _ text: String, in range: ClosedRange<Int>) throws -> [Int] {
  try text.split(separator: ",", omittingEmptySubsequences: false).map { word in
    guard let number = Int(word), range.contains(number) else {
      throw ValidationError(
        "\(flag): expected integers from \(range.lowerBound) to \(range.upperBound) such as 1,2, found '\(text)'")
    }
    return number
  }
}
