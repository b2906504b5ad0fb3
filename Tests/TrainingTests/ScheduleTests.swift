import Foundation
import Testing
import Training

@Suite struct ScheduleTests {
  private func rates(_ shape: ScheduleShape, warmup: Int = 4, minimum: Double = 0) -> [Double] {
    var configuration = TrainingConfiguration()
    configuration.steps = 12
    configuration.warmupSteps = warmup
    configuration.learningRate = 8
    configuration.minimumLearningRate = minimum
    configuration.schedule = shape
    return (1...12).map { configuration.learningRate(step: $0) }
  }

  private func expectEqual(_ found: [Double], _ expected: [Double]) {
    #expect(zip(found, expected).allSatisfy { abs($0 - $1) < 1e-12 } && found.count == expected.count, "\(found)")
  }

  @Test func warmsUpLinearlyToThePeakAndStaysThere() {
    expectEqual(rates(.constant), [2, 4, 6, 8, 8, 8, 8, 8, 8, 8, 8, 8])
  }

  @Test func linearReachesTheMinimumAtTheLastStep() {
    expectEqual(rates(.linear), [2, 4, 6, 8, 7, 6, 5, 4, 3, 2, 1, 0])
    expectEqual(rates(.linear, minimum: 4), [2, 4, 6, 8, 7.5, 7, 6.5, 6, 5.5, 5, 4.5, 4])
  }

  @Test func cosineFallsByHalfAWave() {
    let half = (1...8).map { 4 * (1 + cos(Double.pi * Double($0) / 8)) }
    expectEqual(rates(.cosine), [2, 4, 6, 8] + half)
    #expect(abs(rates(.cosine)[7] - 4) < 1e-12)
    #expect(abs(rates(.cosine, minimum: 0.5)[11] - 0.5) < 1e-12)
  }

  @Test func warmUpStableDecayStaysAtThePeakUntilItsLastSteps() {
    var configuration = TrainingConfiguration()
    configuration.steps = 12
    configuration.warmupSteps = 2
    configuration.learningRate = 8
    configuration.minimumLearningRate = 4
    configuration.schedule = .warmupStableDecay
    configuration.decaySteps = 4
    let peak: [Double] = [8, 8, 8, 8, 8, 8]
    expectEqual((1...12).map { configuration.learningRate(step: $0) }, [4, 8] + peak + [7, 6, 5, 4])
    // A longer run goes through the same rates until the shorter one begins to fall.
    var longer = configuration
    longer.steps = 20
    #expect((1...8).allSatisfy { longer.learningRate(step: $0) == configuration.learningRate(step: $0) })
    #expect(configuration.contradictions.isEmpty)
    configuration.decaySteps = 11
    #expect(configuration.contradictions.map(\.key) == ["decay_steps"])
    // Without a length it is a fifth of the run.
    configuration.decaySteps = 0
    expectEqual((9...12).map { configuration.learningRate(step: $0) }, [8, 8, 6, 4])
  }

  @Test func theFinalDecayMayBeAFractionOfTheRun() {
    var configuration = TrainingConfiguration()
    (configuration.steps, configuration.warmupSteps, configuration.learningRate) = (12, 2, 8)
    (configuration.schedule, configuration.decayFraction) = (.warmupStableDecay, 0.34)
    expectEqual((7...12).map { configuration.learningRate(step: $0) }, [8, 8, 6, 4, 2, 0])
    // No more than what the warm-up leaves.
    configuration.decayFraction = 1
    expectEqual((1...12).map { configuration.learningRate(step: $0) }, [4, 8] + (3...12).map { 0.8 * Double(12 - $0) })
    #expect(configuration.contradictions.isEmpty)
    configuration.decaySteps = 3
    #expect(configuration.contradictions.map(\.key) == ["decay_fraction"])
  }

  @Test func weightDecayFallsToZero() {
    var configuration = TrainingConfiguration()
    configuration.steps = 4
    func factors(_ schedule: DecaySchedule) -> [Double] {
      configuration.weightDecaySchedule = schedule
      return (1...4).map { configuration.decayFactor(step: $0) }
    }
    expectEqual(factors(.constant), [1, 1, 1, 1])
    expectEqual(factors(.linear), [1, 0.75, 0.5, 0.25])
    expectEqual(factors(.cosine), [1, 0.5 + 0.125.squareRoot(), 0.5, 0.5 - 0.125.squareRoot()])
  }

  @Test func withoutWarmUpTheFirstStepIsAlreadyOnTheWayDown() {
    expectEqual(rates(.linear, warmup: 0), (1...12).map { 8 - 8 * Double($0) / 12 })
  }

  @Test func warmUpOverTheWholeRunEndsAtThePeak() {
    expectEqual(rates(.cosine, warmup: 12), (1...12).map { 8 * Double($0) / 12 })
  }
}
