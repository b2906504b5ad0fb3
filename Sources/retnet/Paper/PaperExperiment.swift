/// One experiment of the report: something that is done once and gives numbers.
struct PaperExperiment {
  /// The name of its folder.
  let name: String
  let work: Work
  /// About how long it takes on two cores, for the remaining time.
  let seconds: Double

  enum Work {
    /// A network is trained with these settings, and then asked for more than its loss.
    case training([String], then: Question)
    /// Training steps are timed at a sequence length.
    case trainingSpeed([String], length: Int, repetitions: Int)
    /// Decoding is timed behind `depth` tokens.
    case decoding([String], depth: Int, batch: Int, tokens: Int)
  }

  /// What a trained network is asked.
  enum Question {
    case nothing
    /// The loss of the last 128 tokens with so many before them, at so many places.
    case contexts([Int], places: Int)
    /// The share of right answers for each number of pairs.
    case recall([Int])
  }

  /// Whether it only measures speed and memory; such experiments run first, in a process that has done nothing else.
  var isMeasurement: Bool {
    if case .training = work { false } else { true }
  }

  var settings: [String] {
    switch work {
    case .training(let settings, _), .trainingSpeed(let settings, _, _), .decoding(let settings, _, _, _): settings
    }
  }
}

/// The numbers of the experiments that are complete, by name.
struct PaperResults {
  var numbers: [String: [String: Double]] = [:]

  /// A number of an experiment.
  func value(_ experiment: String, _ key: String) -> Double? { numbers[experiment]?[key] }

  /// A number of several experiments; empty unless all have it.
  func sample(_ experiments: [String], _ key: String) -> PaperSample? {
    let values = experiments.compactMap { value($0, key) }
    return values.isEmpty || values.count < experiments.count ? nil : PaperSample(values)
  }
}

/// A figure that was found with several seeds.
package struct PaperSample: Equatable {
  package let values: [Double]

  /// - Parameter values: At least one.
  package init(_ values: [Double]) {
    precondition(!values.isEmpty, "PaperSample: no values")
    self.values = values
  }

  package var mean: Double { values.reduce(0, +) / Double(values.count) }

  /// The standard error of the mean; nil for one value.
  package var standardError: Double? { values.standardDeviation.map { $0 / Double(values.count).squareRoot() } }

  /// The mean with its standard error: `3.214 ± 0.004`.
  package func text(_ decimals: Int) -> String {
    mean.fixed(decimals) + (standardError.map { " ± \($0.fixed(decimals))" } ?? "")
  }

  package func map(_ transform: (Double) -> Double) -> PaperSample { PaperSample(values.map(transform)) }
}

/// The difference of two figures, each with seeds of its own.
package struct PaperDifference: Equatable {
  package let value: Double
  /// nil if one of the figures has a single seed.
  package let standardError: Double?

  package init(_ a: PaperSample, minus b: PaperSample) {
    self.init(a.mean - b.mean, a.standardError, b.standardError)
  }

  /// The difference between two differences.
  package init(_ a: PaperDifference, minus b: PaperDifference) {
    self.init(a.value - b.value, a.standardError, b.standardError)
  }

  /// Errors of independent figures add in squares.
  private init(_ value: Double, _ x: Double?, _ y: Double?) {
    self.value = value
    standardError = if let x, let y { (x * x + y * y).squareRoot() } else { nil }
  }

  /// -1 below zero, 1 above; 0 if it is less than two standard errors from zero, or has none.
  package var sign: Int {
    guard let standardError, value.magnitude > 2 * standardError else { return 0 }
    return value < 0 ? -1 : 1
  }

  package func text(_ decimals: Int) -> String {
    (value < 0 ? "−" : "+") + value.magnitude.fixed(decimals) + (standardError.map { " ± \($0.fixed(decimals))" } ?? "")
  }
}
