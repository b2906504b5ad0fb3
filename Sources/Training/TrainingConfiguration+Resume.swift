internal import Configurations

/// Which settings may change when a run is resumed.
extension TrainingConfiguration {
  /// Keys of checkpoints, output, guards and memory. They do not change what a step computes.
  private static let freeKeys: Set = [
    "evaluate_every", "patience", "log_every", "checkpoint_every", "keep_checkpoints", "milestone_every", "loss_spike",
    "gradient_spike", "spike_window", "skip_limit", "rewind_limit", "rewind_factor", "sample_every", "sample_prompt",
    "sample_tokens", "recompute",
  ]

  /// Keys that change how a step rounds its results.
  private static let roundingKeys: Set = ["precision", "micro_batch_tokens", "chunk_length"]

  /// Keys of the schedules. They may change as long as the new values give every finished step the learning rate and the
  /// factor of weight decay that it had.
  private static let scheduleKeys: Set = [
    "steps", "learning_rate", "minimum_learning_rate", "warmup_steps", "schedule", "decay_steps",
    "decay_fraction", "weight_decay_schedule",
  ]

  /// Why a run with earlier settings cannot be resumed with these.
  ///
  /// - Parameters:
  ///   - earlier: The settings of the checkpoint.
  ///   - step: The step of the checkpoint.
  /// - Returns: The first key that must not change, with what was expected and found; nil if the run can be resumed.
  package func objection(toContinuing earlier: TrainingConfiguration, at step: Int) -> (key: String, message: String)? {
    if steps < step {
      return ("steps", "expected at least \(step), the step of the checkpoint, found \(steps)")
    }
    let changed = zip(settings, earlier.settings).filter { new, old in
      new.value != old.value && !Self.freeKeys.union(Self.roundingKeys).contains(new.name)
    }
    let hasSameRates = (0..<step).allSatisfy {
      learningRate(step: $0 + 1) == earlier.learningRate(step: $0 + 1)
        && decayFactor(step: $0 + 1) == earlier.decayFactor(step: $0 + 1)
    }
    for (new, old) in changed where !(hasSameRates && Self.scheduleKeys.contains(new.name)) {
      return (new.name, "expected \(old.value.yaml), the value that the run started with, found \(new.value.yaml)")
    }
    return nil
  }

  /// Changed settings with which the run can be resumed, but is no longer bit-identical to an uninterrupted one.
  ///
  /// - Parameter earlier: The settings of the checkpoint.
  /// - Returns: Their keys with both values.
  package func roundingChanges(from earlier: TrainingConfiguration) -> [(key: String, before: String, now: String)] {
    zip(settings, earlier.settings).compactMap { new, old in
      guard new.value != old.value, Self.roundingKeys.contains(new.name) else { return nil }
      return (new.name, old.value.yaml, new.value.yaml)
    }
  }
}
