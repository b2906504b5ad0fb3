internal import Modeling
package import Retention
internal import Tensors

/// Two ways to read the same tokens, and how closely their results must agree.
package struct FormPair: Sendable {
  /// What a pair must satisfy.
  package enum Demand: String, Sendable {
    /// Equality up to rounding.
    case rounding
    /// Equality to the last bit.
    case sameBits = "same_bits"
    /// Nothing, because one of them leaves out by construction what the other computes.
    case nothing
  }

  package let name: String
  /// The name of the yardstick, for people.
  package let yardstickName: String
  package let run: FormRun
  package let yardstick: FormRun
  package let demand: Demand
}

/// The pairs that check whether a model's forms agree; those with the same yardstick are consecutive.
///
/// The yardstick is the parallel form. There is an exception if scores are divided by Σ|R|, which only the parallel
/// form can compute. The other forms are then compared with the recurrent form, and the recurrent form with the
/// parallel one without a demand.
///
/// - Parameters:
///   - scoreNorm: The score norm of the model.
///   - savesStates: Whether the model's states can be written to files.
///   - length: The number of tokens, ≥ 2.
///   - chunkLengths: The chunk lengths of the chunkwise form, ≥ 1; each is limited to `length`.
///   - seed: The seed of the points where the sequence is cut and where documents begin.
/// - Returns: The pairs, in an order for `compareForms`.
package func formPairs(
  scoreNorm: ScoreNorm, savesStates: Bool = true, length: Int, chunkLengths: [Int], seed: UInt64
) -> [FormPair] {
  precondition(length >= 2, "formPairs: \(length) tokens")
  var source = RandomSource(seed: seed)
  func randomPoints(_ count: Int) -> [Int] { Array((1..<length).shuffled(using: &source).prefix(count)).sorted() }
  let parallel = FormRun(forms: [.parallel])
  let recurrent = FormRun(forms: [.recurrent])
  let chunkwise = RetentionForm.chunkwise(chunkLength: min(64, length))
  let knowsAllScores = scoreNorm != .sumOfAbs

  // Each form alone.
  var pairs = [
    FormPair(
      name: "recurrent", yardstickName: "parallel", run: recurrent, yardstick: parallel,
      demand: knowsAllScores ? .rounding : .nothing)
  ]
  let (yardstick, yardstickName) = knowsAllScores ? (parallel, "parallel") : (recurrent, "recurrent")
  func add(_ name: String, _ run: FormRun) {
    pairs.append(
      FormPair(name: name, yardstickName: yardstickName, run: run, yardstick: yardstick, demand: .rounding))
  }
  for chunkLength in Set(chunkLengths.map { min($0, length) }).sorted() {
    add("chunkwise \(chunkLength)", FormRun(forms: [.chunkwise(chunkLength: chunkLength)]))
  }

  // The sequence in stretches, with alternating forms.
  let forms = knowsAllScores ? [chunkwise, .recurrent, .parallel] : [chunkwise, .recurrent]
  var split = FormRun(forms: forms)
  split.cuts = randomPoints(6)
  let splitName = "split in \(split.cuts.count + 1), forms in turn"
  add(splitName, split)
  if savesStates {
    let carried = split
    split.atCuts = .saved
    pairs.append(
      FormPair(
        name: "the same, state saved", yardstickName: "state carried", run: split, yardstick: carried,
        demand: .sameBits))
  }

  // Threads.
  for (name, form) in [("parallel", .parallel), ("recurrent", .recurrent), ("chunkwise", chunkwise)]
    as [(String, RetentionForm)]
  {
    var (one, two) = (FormRun(forms: [form]), FormRun(forms: [form]))
    (one.threadCount, two.threadCount) = (1, 2)
    pairs.append(
      FormPair(name: "\(name), 2 threads", yardstickName: "1 thread", run: two, yardstick: one, demand: .sameBits))
  }

  // Documents packed into one sequence.
  let points = randomPoints(3)
  for form in [.parallel, .recurrent, chunkwise] as [RetentionForm] {
    var packed = FormRun(forms: [form])
    packed.documents = [0] + points
    var alone = FormRun(forms: [knowsAllScores || form == .parallel ? .parallel : .recurrent])
    (alone.cuts, alone.atCuts) = (points, .forgotten)
    pairs.append(
      FormPair(
        name: "\(points.count + 1) documents, \(form.name)", yardstickName: "each alone", run: packed,
        yardstick: alone, demand: .rounding))
  }
  return pairs
}

extension RetentionForm {
  fileprivate var name: String {
    switch self {
    case .parallel: "parallel"
    case .recurrent: "recurrent"
    case .chunkwise: "chunkwise"
    }
  }
}
