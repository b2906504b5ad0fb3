internal import Modeling
internal import Training

/// Compares the memory forecast of a run with the memory of this machine.
extension MemoryForecast {
  /// The forecast on this machine, including the memory that this process already uses.
  init(_ model: ModelConfiguration, _ training: TrainingConfiguration, isEvaluated: Bool, threads: Int) {
    self.init(
      model, training, isEvaluated: isEvaluated, workers: threads, program: Double(PeakMemory.bytesNow ?? 0))
  }

  /// Throws if the machine cannot hold the run, before anything is allocated.
  ///
  /// - Parameter subject: The name to use in the message: a configuration file.
  /// - Throws: `CommandError` with status 78 that lists the largest parts.
  func check(_ subject: String) throws {
    guard let memory = MachineMemory(), total > memory.limit else { return }
    let largest = parts.sorted { $0.byteCount > $1.byteCount }.prefix(3)
    let figures = largest.map { "\($0.name) \(memoryWords($0.byteCount))" }.joined(separator: ", ")
    // Parts that grow with the number of tokens whose activations exist at once.
    let isAboutActivations = largest.first.map { $0.name.contains("activations") } ?? false
    // Blocks of scores whose sides are one chunk long.
    let isAboutChunks = largest.first.map { ["retention", "evaluation"].contains($0.name) } ?? false
    throw CommandError(
      .badConfiguration,
      "\(subject): expected a run that fits into \(memoryWords(memory.limit)) of memory, found one that needs "
        + "\(memoryWords(total)): \(figures)",
      hint: isAboutChunks
        ? "lower training.chunk_length or training.sequence_length"
        : isAboutActivations
          ? "lower training.micro_batch_tokens or training.sequence_length, or set training.recompute: blocks"
          : "make the model smaller: model.width, model.layers, model.vocabulary_size")
  }

  /// A warning if the run fits only when other processes free memory; otherwise nil.
  var warning: String? {
    guard let memory = MachineMemory(), total > memory.available else { return nil }
    return
      "the run needs about \(memoryWords(total)) of memory, but only \(memoryWords(memory.available)) is free now"
  }
}

/// Formats a number of bytes for people: `16.4 kB`, `4.2 MB`, `1,024 MB`, `18.3 GB`.
func memoryWords(_ bytes: Double) -> String {
  let (number, unit) =
    switch bytes {
    case ..<1e5: (bytes * 1e-3, "kB")
    case ..<1e10: (bytes * 1e-6, "MB")
    default: (bytes * 1e-9, "GB")
    }
  return (number < 1e3 ? number.fixed(1) : grouped(Int(min(number.rounded(), 1e18)))) + " " + unit
}
