import EngineTestSupport
import Modeling
import Tensors
import Testing
import Training

@Suite struct MemoryForecastTests {
  private func forecast(_ configuration: TrainingConfiguration) -> [String: Double] {
    let forecast = MemoryForecast(TinyRun.model(), configuration, isEvaluated: true, workers: 2, program: 12_345)
    let parts = Dictionary(uniqueKeysWithValues: forecast.parts.map { ($0.name, $0.byteCount) })
    #expect(forecast.total == parts.values.reduce(0, +))
    return parts
  }

  @Test(arguments: [(20, 0), (40, 0), (80, 0), (20, 0.1), (80, 0.1)], Recomputation.allCases)
  func namesAllThatATrainerHolds(rows: (microBatchTokens: Int, dropout: Double), recompute: Recomputation) throws {
    var configuration = try TinyRun().configuration
    let microBatchTokens = rows.microBatchTokens
    configuration.dropout = rows.dropout
    (configuration.largestMicroBatchTokens, configuration.recompute) = (microBatchTokens, recompute)
    var parts = forecast(configuration)
    let trainer = Trainer(TinyRun.model(), configuration, on: WorkerPool(threadCount: 2))
    // What only steps and evaluations touch, and what was there before.
    for name in ["packed operands", "evaluation", "program"] { #expect(parts.removeValue(forKey: name) ?? 0 > 0) }
    // The squares of the gradient's norm, eight bytes for each block of numbers, have no name.
    let held = storedBytes(of: trainer)
    #expect(held >= parts.values.reduce(0, +) && held <= 1.001 * parts.values.reduce(0, +))
  }

  @Test(arguments: OptimizerKind.allCases, [0, 0.9])
  func namesTheMemoryOfOptimizersAndAverages(_ optimizer: OptimizerKind, _ averageDecay: Double) throws {
    var configuration = try TinyRun().configuration
    (configuration.optimizer, configuration.averageDecay) = (optimizer, averageDecay)
    var parts = forecast(configuration)
    #expect((parts["averaged weights"] != nil) == (averageDecay > 0))
    #expect((parts["optimizer updates"] != nil) == (optimizer != .adamW))
    for name in ["packed operands", "evaluation", "program"] { parts[name] = nil }
    let held = storedBytes(of: Trainer(TinyRun.model(), configuration, on: WorkerPool(threadCount: 2)))
    #expect(held >= parts.values.reduce(0, +) && held <= 1.001 * parts.values.reduce(0, +))
  }

  @Test func weightsAreFourTimesInMemory() throws {
    let parts = forecast(try TinyRun().configuration)
    let weights = Double(4 * Parameters.descriptions(TinyRun.model()).reduce(0) { $0 + $1.shape.count })
    #expect(parts["parameters"] == weights && parts["gradients"] == weights)
    #expect(parts["optimizer moments"] == 2 * weights)
  }

  @Test func withoutAValidationFileNothingIsForEvaluation() throws {
    let forecast = MemoryForecast(
      TinyRun.model(), try TinyRun().configuration, isEvaluated: false, workers: 1, program: 0)
    #expect(!forecast.parts.contains { $0.name == "evaluation" })
  }
}
