import Foundation
import Inference
import Modeling
import Synchronization
import Tensors
import TestSupport
import Testing
import Training

/// Two replicas in threads, each with half of the rows, make the steps that one makes with all of them.
@Suite struct ReplicasTests {
  /// Sums over two threads: each waits for the other.
  private final class Meeting: @unchecked Sendable {
    // Sendable holds: everything is read and written under the condition's lock.
    private let condition = NSCondition()
    private var round = 0
    private var first: [Double]?
    private var sums: [Int: [Double]] = [:]

    func sum(_ numbers: [Double]) -> [Double] {
      condition.lock()
      defer { condition.unlock() }
      let round = round
      if let other = first {
        let total = zip(other, numbers).map { $0 + $1 }
        sums[round] = total
        (self.round, first) = (round + 1, nil)
        condition.signal()
        return total
      }
      first = numbers
      while sums[round] == nil { condition.wait() }
      return sums.removeValue(forKey: round) ?? []
    }

    func replica(_ index: Int) -> Replicas {
      Replicas(index: index, count: 2) { tensor in
        let total = self.sum(tensor.values.map { Double($0) })
        for (place, number) in total.enumerated() { tensor[place] = Float(number) }
      } sumNumbers: {
        self.sum($0)
      }
    }
  }

  /// What a thread has made.
  private struct Outcome: Sendable {
    var losses: [Double] = []
    var norms: [Double] = []
    var weights: [Float] = []
    var end: TrainingEnd?
  }

  private func train(
    _ configuration: TrainingConfiguration, _ replicas: Replicas, stopAfter: Int? = nil
  ) throws -> Outcome {
    var run = try TinyRun()
    run.configuration = configuration
    let pool = WorkerPool(threadCount: 1)
    let trainer = Trainer(TinyRun.model(), run.configuration, replicas: replicas, on: pool)
    var loop = TrainingLoop(
      trainer, batches: try run.batches(), validation: nil, scoredBytes: ScoredBytes { _ in 1 }, on: pool)
    var outcome = Outcome()
    outcome.end = try loop.run(shouldStop: { stopAfter.map { trainer.step >= $0 } ?? false }) { event in
      if case .step(let report) = event {
        outcome.losses.append(report.loss)
        outcome.norms.append(report.gradientNorm)
      }
    }
    outcome.weights = trainer.network.parameters.flat.values
    return outcome
  }

  private func together(_ configuration: TrainingConfiguration, stopAfter: Int? = nil) throws -> [Outcome] {
    let meeting = Meeting()
    let outcomes = Mutex<[Outcome?]>([nil, nil])
    let group = DispatchGroup()
    for index in 0..<2 {
      DispatchQueue.global().async(group: group) {
        // One of them alone wishes to stop.
        let outcome = try? train(configuration, meeting.replica(index), stopAfter: index == 1 ? stopAfter : nil)
        outcomes.withLock { $0[index] = outcome }
      }
    }
    group.wait()
    return try outcomes.withLock { try $0.map { try #require($0) } }
  }

  @Test(arguments: [false, true], [0, 0.3])
  func twoMakeTheStepsOfOne(carriesState: Bool, dropout: Double) throws {
    var configuration = try TinyRun().configuration
    (configuration.steps, configuration.precision) = (6, .float32)
    (configuration.carriesState, configuration.dropout) = (carriesState, dropout)
    configuration.largestMicroBatchTokens = 20
    let whole = try train(configuration, .alone)
    let halves = try together(configuration)
    #expect(halves[0].weights.map(\.bitPattern) == halves[1].weights.map(\.bitPattern))
    #expect(halves[0].losses == halves[1].losses && halves[0].norms == halves[1].norms)
    #expect(whole.losses.count == 6)
    // The order of the sum over rows differs.
    for (found, expected) in zip(halves[0].losses, whole.losses) { #expect(abs(found - expected) < 2e-5) }
    for (found, expected) in zip(halves[0].norms, whole.norms) { #expect(abs(found / expected - 1) < 1e-4) }
  }

  @Test func allStopWhereOneWishesTo() throws {
    let outcomes = try together(TinyRun().configuration, stopAfter: 3)
    for outcome in outcomes {
      guard case .stopped = outcome.end else { Issue.record("\(String(describing: outcome.end))"); continue }
      #expect(outcome.losses.count == 3)
    }
  }
}
