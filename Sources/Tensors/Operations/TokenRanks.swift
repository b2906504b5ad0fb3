internal import Glibc

/// The rank of each row's target among the logits, and the entropy of each row's softmax.
///
/// Equal logits are ordered by id, as the sampler orders them. Sums are in Float64, in the order of the ids. Cost: one
/// exponential for each logit.
///
/// - Parameters:
///   - ranks: Receives 1 for the most likely id [R]; 0 for a row without a target.
///   - entropies: Receives -Σ p ln p in nats [R]; 0 for a row without a target.
///   - logits: [R, N].
///   - targets: Token ids [R]; a negative target is not scored.
///   - pool: Where the rows run.
package func rankAndEntropy(
  _ ranks: Indices, _ entropies: Tensor, logits: Tensor, targets: Indices, on pool: WorkerPool
) {
  let (rows, width) = (logits.shape[0], logits.shape[1])
  checkShape(entropies, Shape(rows), "entropies")
  precondition(
    ranks.count == rows && targets.count == rows,
    "rankAndEntropy: \(ranks.count) ranks and \(targets.count) targets for \(rows) rows")
  for row in 0..<rows {
    precondition(targets[row] < width, "rankAndEntropy: target \(targets[row]) of \(width)")
  }
  pool.runRanges(of: rows, grain: 16, with: (ranks, entropies, logits, targets)) { context, range in
    let (ranks, entropies, logits, targets) = context
    let width = logits.shape[1]
    for row in range {
      let target = Int(targets[row])
      guard target >= 0 else {
        (ranks[row], entropies[row]) = (0, 0)
        continue
      }
      let values = unsafe UnsafeBufferPointer(start: logits.pointer + row * width, count: width).span
      ranks[row] = Int32(rank(of: target, values))
      entropies[row] = Float(entropy(values))
    }
  }
}

private func rank(of target: Int, _ logits: Span<Float>) -> Int {
  let own = logits[target]
  var rank = 1
  for id in 0..<target where logits[id] >= own { rank += 1 }
  for id in target..<logits.count where logits[id] > own { rank += 1 }
  return rank
}

/// ln Z - Σ x eˣ / Z with Z = Σ eˣ, where x is a logit less the largest one.
private func entropy(_ logits: Span<Float>) -> Double {
  var most = -Float.infinity
  for id in logits.indices where logits[id] > most { most = logits[id] }
  var (sum, weighted) = (0.0, 0.0)
  for id in logits.indices {
    let x = Double(logits[id]) - Double(most)
    let power = exp(x)
    sum += power
    // A logit of -∞ adds nothing; the product would not be a number.
    if power != 0 { weighted += power * x }
  }
  return max(0, log(sum) - weighted / sum)
}
