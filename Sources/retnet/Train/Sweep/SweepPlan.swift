internal import Configurations
internal import Corpora
internal import Files
internal import Training

/// A sweep as the command line describes it: all combinations of values checked, nothing started.
struct SweepPlan {
  /// More runs than this are taken for a mistake.
  static let mostRuns = 256

  private let configuration: ConfigurationText
  private let overrides: [String]
  private let start: StartingModel?
  let keys: [SweepKey]
  let seeds: [Int]
  let combinations: [SweepCombination]
  /// The runs in their order: all combinations with the first seed, then with the next.
  let runs: [SweepRun]

  /// - Parameters:
  ///   - configuration: The configuration file.
  ///   - overrides: The values of `--set`.
  ///   - sweep: The values of `--sweep`.
  ///   - seedCount: The number of runs of each combination.
  ///   - start: The model that the runs start from.
  /// - Throws: `CommandError` and `ConfigurationError`, for the first combination that cannot be trained.
  init(
    _ configuration: ConfigurationText, overrides: [String], sweep: [String], seedCount: Int, start: StartingModel?
  ) throws {
    (self.configuration, self.overrides, self.start) = (configuration, overrides, start)
    let keys = try sweep.map { try SweepKey($0) }
    self.keys = keys
    for (index, key) in keys.enumerated() where keys[..<index].contains(where: { $0.name == key.name }) {
      throw SweepKey.refusal("\(key.name): expected each key once, found it twice")
    }
    let isSeedSwept = keys.contains { $0.name == Self.seedKey }
    if isSeedSwept, seedCount > 1 {
      throw CommandError(.usage, "--seeds: expected 1, as \(Self.seedKey) is swept, found \(seedCount)")
    }
    try Self.checkCount(keys, seedCount)
    var combinations: [SweepCombination] = []
    for values in Self.product(keys.map(\.values)) {
      let plan = try TrainingPlan(
        configuration, overrides: overrides, swept: Self.settings(keys, values), start: start)
      guard plan.validationFile != nil else {
        throw CommandError(
          .badConfiguration,
          "\(plan.path): data.validation: expected a token file, as a sweep compares the losses on it, found none",
          hint: "make one with 'retnet tokenize pack --validation-output FILE --validation-fraction 0.05'")
      }
      combinations.append(SweepCombination(values, plan))
    }
    self.combinations = combinations
    let base = combinations[0].training.seed
    guard !base.addingReportingOverflow(seedCount - 1).overflow else {
      throw CommandError(.badConfiguration, "\(Self.seedKey): expected room for \(seedCount) seeds, found \(base)")
    }
    seeds = isSeedSwept ? [] : (0..<seedCount).map { base + $0 }
    let names = Self.folderNames(of: keys)
    func run(_ combination: Int, _ seed: Int?) -> SweepRun {
      let values = combinations[combination].values
      var parts = zip(names, values).map { "\($0)=\($1.text)" }
      if let seed { parts.append("seed=\(seed)") }
      return SweepRun(
        combination: combination, seed: seed ?? combinations[combination].training.seed,
        name: Self.fileName(parts.joined(separator: ",")),
        settings: Self.settings(keys, values) + (seed.map { ["\(Self.seedKey)=\($0)"] } ?? []))
    }
    let places = isSeedSwept ? [nil] : seeds.map { Optional($0) }
    runs = places.flatMap { seed in combinations.indices.map { run($0, seed) } }
  }

  /// The plan of a run, made when it is needed: it keeps its files open.
  func plan(of run: SweepRun) throws -> TrainingPlan {
    try TrainingPlan(configuration, overrides: overrides, swept: run.settings, start: start)
  }

  /// The path of the configuration file, for reports.
  var path: String { StreamPath.inputName(configuration.path) }

  var validationPath: String { combinations[0].data.validation }

  /// The name of a key in tables and in names of files: without its block, where that is enough.
  var names: [String] { Self.folderNames(of: keys) }

  private static let seedKey = "training.seed"

  private static func settings(_ keys: [SweepKey], _ values: [SweepValue]) -> [String] {
    zip(keys, values).map { "\($0.name)=\($1.word)" }
  }

  private static func folderNames(of keys: [SweepKey]) -> [String] {
    keys.map { key in keys.count { $0.shortName == key.shortName } > 1 ? key.name : key.shortName }
  }

  private static func checkCount(_ keys: [SweepKey], _ seedCount: Int) throws {
    let counts = keys.map(\.values.count) + [seedCount]
    // So few values fit into a command line that their product is no problem for a Double.
    let count = counts.reduce(1.0) { $0 * Double($1) }
    guard count > Double(mostRuns) else { return }
    let words = counts.map { grouped($0) }.joined(separator: " × ")
    throw SweepKey.refusal("expected at most \(mostRuns) runs, found \(count.fixed(0)) (\(words))")
  }

  /// All combinations of a value from each list; the last list changes fastest.
  private static func product(_ lists: [[SweepValue]]) -> [[SweepValue]] {
    lists.reduce([[]]) { rows, list in rows.flatMap { row in list.map { row + [$0] } } }
  }

  /// A text as the name of a folder. What other programs may trip over is replaced, and a digest then tells such names
  /// apart.
  private static func fileName(_ text: String) -> String {
    let kept = text.map { character in
      character.isASCII && (character.isLetter || character.isNumber || "._+-=,".contains(character)) ? character : "_"
    }
    let name = String(kept.prefix(150))
    return name == text ? name : name + "~" + SHA256Digest(of: Array(text.utf8)).description.prefix(8)
  }
}
