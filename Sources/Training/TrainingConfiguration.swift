package import Configurations
package import Modeling
package import Tensors

/// The shape of the learning-rate schedule after the warm-up.
package enum ScheduleShape: String, CaseIterable, Sendable, ConfigurationChoice {
  case cosine
  case linear
  case constant
  /// Constant at the peak, with a linear decay in the last steps.
  case warmupStableDecay = "warmup_stable_decay"
}

extension Recomputation: ConfigurationChoice {}

/// The rule that updates the matrices inside the blocks; embedding, head and vectors have AdamW.
package enum OptimizerKind: String, CaseIterable, Sendable, ConfigurationChoice {
  case adamW = "adamw"
  /// Momentum, made orthogonal by Newton and Schulz.
  case muon
  /// Momentum, made nearly orthogonal by a triangular solve.
  case mud
}

/// How weight decay changes over the run.
package enum DecaySchedule: String, CaseIterable, Sendable, ConfigurationChoice {
  case constant
  case linear
  case cosine
}

/// The precision in which the products of a training step read their operands.
package enum TrainingPrecision: String, CaseIterable, Sendable, ConfigurationChoice {
  /// bfloat16 if the CPU has an instruction for its products, else Float32.
  case auto
  case float32 = "f32"
  case bfloat16 = "bf16"

  package static var otherSpellings: [String: String] { NumberFormat.fullNames }

  /// The choice that `auto` makes on this CPU; any other value is itself.
  package var resolved: TrainingPrecision {
    self == .auto ? (CPU().hasBF16Product ? .bfloat16 : .float32) : self
  }

  package var products: ProductPrecision { resolved == .bfloat16 ? .bfloat16 : .float32 }
}

/// The weights to which weight decay applies.
package enum DecayedWeights: String, CaseIterable, Sendable, ConfigurationChoice {
  /// Matrices: no norm weights, no biases.
  case matrices
  /// Matrices except the embedding.
  case hiddenMatrices = "hidden_matrices"
  case all

  /// Whether weight decay applies to a weight.
  package func contains(_ weight: ParameterDescription) -> Bool {
    switch self {
    case .matrices: weight.isMatrix
    case .hiddenMatrices: weight.isMatrix && weight.role != .embedding
    case .all: true
    }
  }
}

/// The block `training` of a configuration, which holds everything about a run except model and data.
package struct TrainingConfiguration: Equatable, Sendable, Configurable {
  package var steps = 1_000
  /// T, the number of tokens of a training sequence.
  package var sequenceLength = 256
  /// Whether each row of the batch reads its own stream and carries its state from step to step.
  package var carriesState = false
  /// Tokens of an optimizer step: B·T.
  package var batchTokens = 2_048
  /// The maximum number of tokens of a micro-batch, which has at least one sequence.
  package var largestMicroBatchTokens = 1_024
  package var recompute = Recomputation.none
  /// The probability with which dropout drops a number; 0: no dropout.
  package var dropout = 0.0
  package var precision = TrainingPrecision.auto
  /// The chunk length of the chunkwise form.
  package var chunkLength = 64
  package var learningRate = 2e-3
  package var minimumLearningRate = 0.0
  package var warmupSteps = 50
  package var schedule = ScheduleShape.cosine
  /// The number of steps at the end in which `warmup_stable_decay` lowers the rate; 0: a fifth of all.
  package var decaySteps = 0
  /// The fraction of all steps in which `warmup_stable_decay` lowers the rate; nil: `decaySteps`.
  package var decayFraction: Double?
  /// The rule for the matrices inside the blocks.
  package var optimizer = OptimizerKind.adamW
  /// Muon and MUD: the decay of the momentum.
  package var momentum = 0.95
  package var newtonSchulzIterations = 5
  package var beta1 = 0.9
  package var beta2 = 0.98
  /// The number of tokens after which a squared gradient counts half; nil: `beta2`.
  package var beta2HalfLife: Double?
  package var epsilon = 1e-8
  package var weightDecay = 0.05
  package var weightDecayOn = DecayedWeights.matrices
  package var weightDecaySchedule = DecaySchedule.constant
  /// Whether only numbers decay that the update shrinks.
  package var decaysCautiously = false
  package var groups = ParameterGroups()
  /// The decay of the averaged weights at each update; 0: no average.
  package var averageDecay = 0.0
  /// The largest global gradient norm; 0: no clipping.
  package var gradientClip = 1.0
  /// Patterns for the names of the trained weights; empty: all are trained.
  package var trainOnly: [String] = []
  /// Whether the state that documents start from is trained, and no weight.
  package var tunesState = false
  package var seed = 1
  /// Steps between evaluations of the validation file; 0: only at the end.
  package var evaluateEvery = 0
  /// Tokens of a window in evaluations; 0: everything before a token; nil: as `evaluationWindow` says.
  package var evaluateWindow: Int?
  /// The number of evaluations in a row without a better score after which the run ends; 0: never.
  package var patience = 0
  /// Steps between lines of metrics.
  package var logEvery = 10
  /// Steps between samples of text; 0: none.
  package var sampleEvery = 0
  package var samplePrompt = ""
  package var sampleTokens = 64
  /// Steps between checkpoints.
  package var checkpointEvery = 250
  /// How many of the newest regular checkpoints are kept.
  package var keepCheckpoints = 3
  /// Steps between checkpoints that are never removed; 0: none.
  package var milestoneEvery = 0
  /// A step whose loss is further above its running mean is skipped, in nats per token; 0: never.
  package var lossSpike = 3.0
  /// A step whose gradient norm exceeds its running mean by more than this factor is skipped; 0: never.
  package var gradientSpike = 0.0
  /// The number of steps in the running means.
  package var spikeWindow = 100
  /// The number of skipped steps in a row after which the run rewinds.
  package var skipLimit = 5
  /// The maximum number of rewinds.
  package var rewindLimit = 3
  /// The factor of the learning rate at each rewind.
  package var rewindFactor = 0.5

  package init() {}

  package static var keys: [ConfigurationKey<TrainingConfiguration>] { keysOfSteps + keysOfGroups + keysOfRuns }

  private static var keysOfSteps: [ConfigurationKey<TrainingConfiguration>] {
    [
      ConfigurationKey("steps", \.steps, 1...1_000_000_000, "Optimizer steps of the whole run."),
      ConfigurationKey(
        "sequence_length", \.sequenceLength, 1...16_777_216,
        "Tokens T of a training sequence; the state starts empty, unless carry_state."),
      ConfigurationKey(
        "carry_state", \.carriesState,
        "Each row of the batch reads one long stream and keeps its state from step to step; T is how far gradients reach."
      ),
      ConfigurationKey(
        "batch_tokens", \.batchTokens, 1...1_073_741_824,
        "Tokens per step, a multiple of sequence_length; default: as many sequences as fit into 2048 tokens, or one."),
      ConfigurationKey(
        "micro_batch_tokens", \.largestMicroBatchTokens, 1...1_073_741_824,
        "Tokens per micro-batch at most (at least one sequence); smaller micro-batches need less memory."),
      ConfigurationKey(
        "recompute", \.recompute,
        "Activation recomputation: none, or blocks (keeps one block's activations at a time; a third more time)."),
      ConfigurationKey(
        "dropout", \.dropout, .from(0, below: 1),
        "Probability with which numbers of the embedding and of what blocks add are dropped in a step; 0: none."),
      ConfigurationKey(
        "precision", \.precision,
        "Precision of matrix products: f32, bf16 (accumulation and the rest stay Float32), or auto (by the CPU)."),
      ConfigurationKey(
        "chunk_length", \.chunkLength, 1...65_536, "Chunk length of the chunkwise form; changes speed only."),
      ConfigurationKey("learning_rate", \.learningRate, .above(0), "Peak learning rate."),
      ConfigurationKey("minimum_learning_rate", \.minimumLearningRate, .atLeast(0), "Learning rate at the last step."),
      ConfigurationKey(
        "warmup_steps", \.warmupSteps, 0...1_000_000_000,
        "Steps of linear warm-up from 0 to the peak; default: 50, or a tenth of steps in a run too short for that."),
      ConfigurationKey("schedule", \.schedule, "Learning-rate schedule after the warm-up."),
      ConfigurationKey(
        "decay_steps", \.decaySteps, 0...1_000_000_000,
        "Steps of the final decay of warmup_stable_decay; 0: a fifth of steps."),
      ConfigurationKey(
        "decay_fraction", \.decayFraction, .above(0, upTo: 1),
        "Fraction of steps in the final decay of warmup_stable_decay, instead of decay_steps; null: decay_steps."),
      ConfigurationKey(
        "optimizer", \.optimizer,
        "Optimizer of the matrices inside the blocks: adamw, muon or mud; the other weights have AdamW."),
      ConfigurationKey("momentum", \.momentum, .from(0, below: 1), "Muon and MUD: decay of the momentum."),
      ConfigurationKey(
        "newton_schulz_iterations", \.newtonSchulzIterations, 1...100,
        "Muon: iterations that make the momentum orthogonal."),
      ConfigurationKey("beta1", \.beta1, .from(0, below: 1), "AdamW: decay of the mean of gradients."),
      ConfigurationKey("beta2", \.beta2, .from(0, below: 1), "AdamW: decay of the mean of squared gradients."),
      ConfigurationKey(
        "beta2_half_life", \.beta2HalfLife, .above(0),
        "AdamW: tokens after which a squared gradient counts half, for any batch; null: as beta2 says."),
      ConfigurationKey("epsilon", \.epsilon, .above(0), "AdamW: added to the root of the second moment."),
      ConfigurationKey(
        "weight_decay", \.weightDecay, .atLeast(0), "Decoupled decay, times the learning rate."),
      ConfigurationKey(
        "weight_decay_on", \.weightDecayOn,
        "Weights that decay: matrices (no norms, no biases), hidden_matrices (without the embedding), or all."),
      ConfigurationKey(
        "weight_decay_schedule", \.weightDecaySchedule,
        "Weight decay over the run: constant, or linear or cosine from the full decay to 0."),
      ConfigurationKey(
        "cautious_decay", \.decaysCautiously, "Whether a number decays only in steps whose update shrinks it."),
    ]
  }

  private static var keysOfGroups: [ConfigurationKey<TrainingConfiguration>] {
    groupKeys(
      .matrices, "the matrices inside the blocks", \.groups.matrices.learningRate, \.groups.matrices.weightDecay,
      \.groups.matrices.beta1, \.groups.matrices.beta2)
      + groupKeys(
        .embedding, "the embedding", \.groups.embedding.learningRate, \.groups.embedding.weightDecay,
        \.groups.embedding.beta1, \.groups.embedding.beta2)
      + groupKeys(
        .head, "the output head, unless it is the embedding", \.groups.head.learningRate, \.groups.head.weightDecay,
        \.groups.head.beta1, \.groups.head.beta2)
      + groupKeys(
        .norms, "norm weights and biases", \.groups.norms.learningRate, \.groups.norms.weightDecay,
        \.groups.norms.beta1, \.groups.norms.beta2)
  }

  private typealias Path<Value> = any WritableKeyPath<TrainingConfiguration, Value> & Sendable

  private static func groupKeys(
    _ group: ParameterGroup, _ weights: String, _ rate: Path<Double>, _ decay: Path<Double?>, _ beta1: Path<Double?>,
    _ beta2: Path<Double?>
  ) -> [ConfigurationKey<TrainingConfiguration>] {
    let name = "groups.\(group.rawValue)."
    return [
      ConfigurationKey(name + "learning_rate", rate, .atLeast(0), "Factor of the learning rate for \(weights)."),
      ConfigurationKey(
        name + "weight_decay", decay, .atLeast(0),
        "Weight decay of \(weights); null: as weight_decay and weight_decay_on say."),
      ConfigurationKey(name + "beta1", beta1, .from(0, below: 1), "AdamW: β₁ for \(weights); null: beta1."),
      ConfigurationKey(name + "beta2", beta2, .from(0, below: 1), "AdamW: β₂ for \(weights); null: that of all."),
    ]
  }

  private static var keysOfRuns: [ConfigurationKey<TrainingConfiguration>] {
    [
      ConfigurationKey(
        "ema_decay", \.averageDecay, .from(0, below: 1),
        "Decay of an exponential moving average of the weights, evaluated and saved beside them; 0: none."),
      ConfigurationKey("gradient_clip", \.gradientClip, .atLeast(0), "Largest global gradient norm; 0: not clipped."),
      ConfigurationKey(
        "train_only", \.trainOnly,
        "Names of the trained weights, with the wildcards * and ?; the others are frozen. Empty: all are trained."
      ),
      ConfigurationKey(
        "state_tuning", \.tunesState,
        "Train only the recurrent state that each document starts from, and no weights; needs --init-from."),
      ConfigurationKey("seed", \.seed, 0...Int.max, "Seed of the initial weights and of the order of the data."),
      ConfigurationKey(
        "evaluate_every", \.evaluateEvery, 0...1_000_000_000, "Steps between evaluations; 0: only at the end."),
      ConfigurationKey(
        "evaluate_window", \.evaluateWindow, 0...1_000_000_000,
        "Tokens that an evaluation reads at a time, each from an empty state; 0: all of a document; null: 0, or sequence_length with layers of attention that see all tokens."
      ),
      ConfigurationKey(
        "patience", \.patience, 0...1_000_000,
        "Evaluations in a row without a better score after which the run ends; 0: never."),
      ConfigurationKey("log_every", \.logEvery, 1...1_000_000_000, "Steps between lines of metrics.jsonl."),
      ConfigurationKey(
        "sample_every", \.sampleEvery, 0...1_000_000_000,
        "Steps between sample texts, which are printed and logged; 0: none."),
      ConfigurationKey("sample_prompt", \.samplePrompt, "Prompt of the sample texts; empty: BOS."),
      ConfigurationKey(
        "sample_tokens", \.sampleTokens, 1...1_000_000, "Tokens that each sample text has after the prompt."),
      ConfigurationKey(
        "checkpoint_every", \.checkpointEvery, 1...1_000_000_000,
        "Steps between checkpoints; default: 250, or with milestone_every its largest divisor up to that."),
      ConfigurationKey(
        "keep_checkpoints", \.keepCheckpoints, 1...1_000_000, "How many of the newest checkpoints are kept."),
      ConfigurationKey(
        "milestone_every", \.milestoneEvery, 0...1_000_000_000,
        "Steps between checkpoints that are never removed, a multiple of checkpoint_every; 0: none."),
      ConfigurationKey(
        "loss_spike", \.lossSpike, .atLeast(0),
        "Nats per token above the running mean of the loss at which a step is skipped; 0: never."),
      ConfigurationKey(
        "gradient_spike", \.gradientSpike, .atLeast(0),
        "Times the running mean of the gradient norm at which a step is skipped; 0: never."),
      ConfigurationKey(
        "spike_window", \.spikeWindow, 1...1_000_000,
        "Steps in these running means; spikes are detected only after this many steps."),
      ConfigurationKey(
        "skip_limit", \.skipLimit, 1...1_000_000,
        "Steps skipped in a row after which the run rewinds to the last good checkpoint."),
      ConfigurationKey("rewind_limit", \.rewindLimit, 0...1_000, "Rewinds after which the run gives up."),
      ConfigurationKey(
        "rewind_factor", \.rewindFactor, .above(0, upTo: 1),
        "Factor of the learning rate at each rewind, for the rest of the run."),
    ]
  }

  package mutating func followGivenKeys(_ given: Set<String>) {
    if !given.contains("batch_tokens"), sequenceLength > 0 {
      batchTokens = max(sequenceLength, batchTokens / sequenceLength * sequenceLength)
    }
    // Only if the default is impossible, or would leave nothing but warm-up.
    let room = schedule == .warmupStableDecay && decayFraction == nil ? max(0, steps - decaySteps) : steps
    if !given.contains("warmup_steps"), warmupSteps >= room { warmupSteps = min(steps / 10, room) }
    if !given.contains("checkpoint_every"), milestoneEvery > 0 {
      checkpointEvery = (1...min(checkpointEvery, milestoneEvery)).last { milestoneEvery.isMultiple(of: $0) } ?? 1
    }
  }

  package var contradictions: [(key: String, message: String)] {
    var found: [(key: String, message: String)] = []
    if batchTokens % sequenceLength != 0 {
      found.append(("batch_tokens", "expected a multiple of sequence_length \(sequenceLength), found \(batchTokens)"))
    }
    if milestoneEvery % checkpointEvery != 0 {
      found.append(
        ("milestone_every", "expected a multiple of checkpoint_every \(checkpointEvery), found \(milestoneEvery)"))
    }
    if tunesState, carriesState {
      found.append(("state_tuning", "expected false, as carry_state is true, found true"))
    }
    if tunesState, !trainOnly.isEmpty {
      found.append(("train_only", "expected none, as state_tuning trains no weight, found \(trainOnly.count)"))
    }
    if warmupSteps > steps {
      found.append(("warmup_steps", "expected at most steps (\(steps)), found \(warmupSteps)"))
    }
    if decayFraction != nil, decaySteps > 0 {
      found.append(("decay_fraction", "expected null, as decay_steps is \(decaySteps), found a fraction"))
    }
    if evaluateWindow == 1 { found.append(("evaluate_window", "expected 0 or at least 2 tokens, found 1")) }
    if tunesState, let evaluateWindow, evaluateWindow > 0 {
      found.append(("evaluate_window", "expected 0, as state_tuning is true, found \(evaluateWindow)"))
    }
    if averageDecay > 0, tunesState {
      found.append(("ema_decay", "expected 0, as state_tuning trains no weight, found \(averageDecay)"))
    }
    if schedule == .warmupStableDecay, decaySteps > steps - warmupSteps {
      found.append(
        ("decay_steps", "expected at most steps - warmup_steps (\(steps - warmupSteps)), found \(decaySteps)"))
    }
    if minimumLearningRate > learningRate {
      found.append(
        ("minimum_learning_rate", "expected at most learning_rate (\(learningRate)), found \(minimumLearningRate)"))
    }
    return found
  }

  /// A copy in which what depends on the machine is resolved.
  package var resolved: TrainingConfiguration {
    var resolved = self
    resolved.precision = precision.resolved
    return resolved
  }

  /// B, the number of sequences of a batch.
  package var batchSize: Int { batchTokens / sequenceLength }

  /// The number of sequences of a micro-batch: the largest divisor of `batchSize` within `largestMicroBatchTokens`, and
  /// at least 1.
  package var microBatchSize: Int {
    let most = max(1, min(batchSize, largestMicroBatchTokens / sequenceLength))
    return (1...most).last { batchSize.isMultiple(of: $0) } ?? 1
  }

  /// The window of evaluations; 0: all of a document.
  ///
  /// Attention that has learned on `sequence_length` tokens does not know what lies further back, and its cost grows with
  /// the square.
  package func evaluationWindow(_ model: ModelConfiguration) -> Int {
    evaluateWindow ?? (model.seesWholeText ? sequenceLength : 0)
  }

  /// The form in which a step computes retention.
  package var retentionForm: RetentionForm { .chunkwise(chunkLength: chunkLength) }

  /// The number of tokens of a micro-batch.
  package var microBatchTokens: Int { microBatchSize * sequenceLength }
}
