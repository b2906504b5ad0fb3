/// A part of the report: one experiment of the paper, repeated small.
protocol PaperSection {
  /// The name of `--only`.
  static var name: String { get }

  init(_ scale: PaperScale)

  /// The runs that choose learning rates, before anything else; by the name of what they choose for.
  var sweeps: [PaperSweep] { get }

  /// What is done with the rates that were chosen. Names and times do not depend on them.
  func experiments(_ rates: PaperRates) -> [PaperExperiment]

  /// What was found.
  func findings(_ results: PaperResults, _ rates: PaperRates) -> PaperFindings
}

extension PaperSection {
  var sweeps: [PaperSweep] { [] }
}

/// Runs that differ in the learning rate alone.
struct PaperSweep {
  /// What the rate is for.
  let name: String
  /// The same in words, for the report.
  let words: String
  let rates: [Double]
  /// The run with one of the rates.
  let experiment: (Double) -> PaperExperiment
}

/// The learning rates that sweeps have chosen: those with the lowest loss.
struct PaperRates {
  private var chosen: [String: Double] = [:]

  init() {}

  /// The rate for a sweep; before it was made, some rate.
  subscript(_ sweep: String) -> Double { chosen[sweep] ?? 1e-3 }

  /// Chooses the rate of a sweep.
  mutating func choose(_ sweep: PaperSweep, _ results: PaperResults) {
    let losses = sweep.rates.compactMap { rate in
      results.value(sweep.experiment(rate).name, "loss").map { (rate, $0) }
    }
    chosen[sweep.name] = losses.min { $0.1 < $1.1 }?.0
  }
}

/// The sections in the order of the report.
enum PaperSections {
  static var all: [any PaperSection.Type] {
    [
      ScalingSection.self, TrainingCostSection.self, InferenceCostSection.self, AblationSection.self,
      ArchitectureSection.self, ContextSection.self, RecallSection.self,
    ]
  }
}
