package import Modeling
internal import Retention
package import Tensors

/// The logits of a network for whole sequences that start from empty states, in one form.
///
/// - Parameters:
///   - network: The model.
///   - ids: [B·T], sequence after sequence.
///   - batch: B.
///   - form: The form of retention.
///   - pool: Where the work runs.
/// - Returns: [B·T, N].
package func computeLogits(
  of network: LanguageModel, _ ids: [Int32], batch: Int = 1, form: RetentionForm, on pool: WorkerPool
) -> Tensor {
  let time = ids.count / batch
  precondition(time * batch == ids.count && time > 0, "computeLogits: \(ids.count) ids in \(batch) sequences")
  let memory = InferenceMemory(
    network.configuration, form: form, batch: batch, time: time, workers: pool.threadCount)
  var state = ModelState(network.configuration, batch: batch)
  let normed = network.forward(Indices(ids), batch: batch, form: form, state: &state, memory: memory, on: pool)
  let logits = Tensor(Shape(ids.count, network.configuration.vocabularySize))
  network.computeLogits(logits, normed, on: pool)
  return logits
}

/// The distance of logits from others, rms(a − b) / rms(b); NaN if a number is not finite.
///
/// - Parameters:
///   - found: Any shape.
///   - expected: As many numbers; not all zero.
/// - Returns: 0 if all are equal.
package func rmsRatio(_ found: Tensor, _ expected: Tensor) -> Double {
  precondition(found.count == expected.count, "rmsRatio: \(found.count) and \(expected.count) numbers")
  var (difference, scale) = (0.0, 0.0)
  for index in 0..<found.count {
    let number = Double(expected[index])
    let distance = Double(found[index]) - number
    difference += distance * distance
    scale += number * number
  }
  return (difference / scale).squareRoot()
}
