import Modeling
import Testing
import Training

@Suite struct ContinuationTests {
  private func key(_ step: Int, _ change: (inout TrainingConfiguration) -> Void) -> String? {
    var earlier = TrainingConfiguration()
    (earlier.steps, earlier.warmupSteps) = (100, 10)
    var now = earlier
    change(&now)
    return now.objection(toContinuing: earlier, at: step)?.key
  }

  @Test func whatIsKeptSaidAndGuardedMayChange() {
    #expect(key(50) { _ in } == nil)
    #expect(
      key(50) {
        ($0.logEvery, $0.evaluateEvery, $0.patience, $0.checkpointEvery, $0.keepCheckpoints) = (3, 7, 2, 9, 1)
        ($0.milestoneEvery, $0.lossSpike, $0.gradientSpike, $0.spikeWindow) = (18, 0, 9, 5)
        ($0.skipLimit, $0.rewindLimit, $0.rewindFactor, $0.recompute) = (9, 9, 0.9, .blocks)
      } == nil)
  }

  @Test func howSumsAreRoundedMayChangeAndIsSaid() {
    var earlier = TrainingConfiguration()
    (earlier.precision, earlier.recompute, earlier.chunkLength) = (.float32, .none, 128)
    var now = earlier
    #expect(now.roundingChanges(from: earlier).isEmpty)
    (now.precision, now.largestMicroBatchTokens, now.chunkLength) = (.bfloat16, 512, 64)
    (now.recompute, now.logEvery) = (.blocks, 3)
    #expect(now.objection(toContinuing: earlier, at: 50) == nil)
    let changes = now.roundingChanges(from: earlier).map { "\($0.key): \($0.before), \($0.now)" }
    #expect(changes == ["micro_batch_tokens: 1024, 512", "precision: f32, bf16", "chunk_length: 128, 64"])
  }

  @Test func whatAStepComputesMayNot() {
    #expect(key(50) { $0.batchTokens = 4_096 } == "batch_tokens")
    #expect(key(50) { $0.sequenceLength = 128 } == "sequence_length")
    #expect(key(50) { $0.seed = 2 } == "seed")
    #expect(key(50) { $0.carriesState = true } == "carry_state")
    #expect(key(50) { $0.beta2 = 0.9 } == "beta2")
    #expect(key(50) { $0.weightDecayOn = .all } == "weight_decay_on")
    #expect(key(50) { $0.gradientClip = 0 } == "gradient_clip")
    #expect(key(50) { $0.optimizer = .muon } == "optimizer")
    #expect(key(50) { $0.momentum = 0.9 } == "momentum")
    #expect(key(50) { $0.newtonSchulzIterations = 6 } == "newton_schulz_iterations")
    #expect(key(50) { $0.beta2HalfLife = 1 } == "beta2_half_life")
    #expect(key(50) { $0.decaysCautiously = true } == "cautious_decay")
    #expect(key(50) { $0.averageDecay = 0.9 } == "ema_decay")
    #expect(key(50) { $0.groups.head.learningRate = 2 } == "groups.head.learning_rate")
    #expect(key(50) { $0.dropout = 0.1 } == "dropout")
  }

  @Test func theScheduleMayChangeBeyondTheStepsThatWereMade() {
    // In the warm-up nothing depends on the length yet.
    #expect(key(10) { $0.steps = 200 } == nil)
    #expect(key(11) { $0.steps = 200 } == "steps")
    #expect(key(10) { $0.schedule = .linear } == nil)
    #expect(key(10) { $0.learningRate = 1 } == "learning_rate")
    #expect(key(50) { $0.minimumLearningRate = 1e-4 } == "minimum_learning_rate")
    #expect(key(50) { $0.steps = 49 } == "steps")
    #expect(key(1) { $0.weightDecaySchedule = .cosine } == nil)
    #expect(key(2) { $0.weightDecaySchedule = .cosine } == "weight_decay_schedule")
  }

  @Test func aConstantRateCanGoOnForAsLongAsOneLikes() {
    var earlier = TrainingConfiguration()
    earlier.schedule = .constant
    var now = earlier
    now.steps = 9_000
    #expect(now.objection(toContinuing: earlier, at: 1_000) == nil)
    now.schedule = .warmupStableDecay
    #expect(now.objection(toContinuing: earlier, at: 1_000) == nil)
    #expect(now.objection(toContinuing: earlier, at: 7_201)?.key == "steps")
  }
}
