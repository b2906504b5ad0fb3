import Testing
import Training

@Suite struct StepGuardTests {
  private var configuration: TrainingConfiguration {
    var configuration = TrainingConfiguration()
    configuration.spikeWindow = 4
    configuration.lossSpike = 1
    configuration.gradientSpike = 10
    return configuration
  }

  private func afterFourSteps() -> StepGuard {
    var stepGuard = StepGuard()
    for loss in [3.0, 2, 3, 2] { _ = stepGuard.judge(loss: loss, gradientNorm: 0.5, configuration) }
    return stepGuard
  }

  @Test func theMeansAreThoseOfTheStepsTaken() {
    let stepGuard = afterFourSteps()
    #expect(stepGuard.meanLoss == 2.5 && stepGuard.meanGradientNorm == 0.5 && stepGuard.observed == 4)
    #expect(stepGuard.skipped.isEmpty && stepGuard.skippedInARow == 0)
  }

  @Test(arguments: [Double.nan, .infinity, -.infinity])
  func whatIsNotFiniteIsSkippedFromTheFirstStep(_ number: Double) {
    var stepGuard = StepGuard()
    #expect(stepGuard.judge(loss: number, gradientNorm: 1, configuration) == .notFinite)
    #expect(stepGuard.judge(loss: 1, gradientNorm: number, configuration) == .notFinite)
    #expect(stepGuard.skippedInARow == 2 && stepGuard.skipped == ["not_finite": 2])
    #expect(stepGuard.observed == 0)
  }

  @Test func aSpikeIsMeasuredAgainstTheMeanAndDoesNotMoveIt() {
    var stepGuard = afterFourSteps()
    #expect(stepGuard.judge(loss: 3.6, gradientNorm: 0.5, configuration) == .lossSpike)
    #expect(stepGuard.judge(loss: 2.5, gradientNorm: 5.1, configuration) == .gradientSpike)
    #expect(stepGuard.meanLoss == 2.5 && stepGuard.meanGradientNorm == 0.5)
    #expect(stepGuard.skippedInARow == 2)
    #expect(stepGuard.judge(loss: 3.4, gradientNorm: 4.9, configuration) == nil)
    #expect(stepGuard.skippedInARow == 0 && stepGuard.skipped == ["loss_spike": 1, "gradient_spike": 1])
  }

  @Test func beforeTheWindowIsFullNothingIsASpike() {
    var stepGuard = StepGuard()
    for loss in [3.0, 30, 300] {
      #expect(stepGuard.judge(loss: loss, gradientNorm: loss, configuration) == nil)
    }
  }

  @Test func zeroTurnsAThresholdOff() {
    var (stepGuard, configuration) = (afterFourSteps(), configuration)
    (configuration.lossSpike, configuration.gradientSpike) = (0, 0)
    #expect(stepGuard.judge(loss: 1e9, gradientNorm: 1e9, configuration) == nil)
  }
}
