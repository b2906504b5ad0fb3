/// How far numbers are from those of a yardstick, in units of the yardstick's root mean square.
package struct Difference: Equatable, Sendable {
  /// rms(a - b) / rms(b).
  package let rms: Double
  /// max|a - b| / rms(b).
  package let largest: Double

  /// - Precondition: As many numbers as the yardstick has.
  init(_ found: [Float], from yardstick: [Float]) {
    precondition(found.count == yardstick.count, "Difference: \(found.count) numbers, \(yardstick.count)")
    var (squares, differences, largest) = (0.0, 0.0, 0.0)
    for (a, b) in zip(found, yardstick) {
      let difference = Double(a) - Double(b)
      squares += Double(b) * Double(b)
      differences += difference * difference
      largest = max(largest, difference.magnitude)
    }
    let unit = (squares / Double(max(1, yardstick.count))).squareRoot()
    // NaN stays NaN; a yardstick of zeros is met by zeros only.
    func relative(_ value: Double) -> Double { value == 0 ? 0 : value / unit }
    rms = relative((differences / Double(max(1, yardstick.count))).squareRoot())
    self.largest = rms.isNaN ? .nan : relative(largest)
  }
}

/// How far two runs may be apart: RMS relative differences.
package struct FormTolerance: Equatable, Sendable {
  /// In each layer after the head norm.
  package let headNorm: Double
  package let logits: Double

  /// - Parameter logits: At the logits; a tenth of it is the tolerance in each layer.
  package init(logits: Double) {
    self.logits = logits
    headNorm = logits / 10
  }

  /// For arithmetic in Float32.
  package static let float32 = FormTolerance(logits: 1e-4)
}

/// What the two runs of a pair have in common.
package struct FormComparison: Sendable {
  package let pair: FormPair
  package let layers: [LayerDifference]
  package let logits: Difference
  /// The part of the tokens after which both find the same token most likely.
  package let agreement: Double

  /// The differences in one layer.
  package struct LayerDifference: Sendable {
    package let beforeHeadNorm: Difference
    package let afterHeadNorm: Difference
  }

  package init(_ pair: FormPair, _ run: RunRecord, yardstick: RunRecord) {
    self.pair = pair
    layers = run.retained.indices.map { layer in
      LayerDifference(
        beforeHeadNorm: Difference(run.retained[layer], from: yardstick.retained[layer]),
        afterHeadNorm: Difference(run.headNormed[layer], from: yardstick.headNormed[layer]))
    }
    logits = Difference(run.logits, from: yardstick.logits)
    let (found, expected) = (run.likeliestTokens, yardstick.likeliestTokens)
    agreement = Double(zip(found, expected).count { $0 == $1 }) / Double(max(1, expected.count))
  }

  /// The layer that differs most after the head norm.
  package var worstLayer: Int {
    // What is not a number is worse than any number.
    func badness(_ layer: Int) -> Double {
      layers[layer].afterHeadNorm.rms.isNaN ? .infinity : layers[layer].afterHeadNorm.rms
    }
    return layers.indices.max { badness($0) < badness($1) } ?? 0
  }

  /// The first layer, or the logits, where the runs are further apart than the pair's demand allows; nil if they agree.
  package func failure(_ tolerance: FormTolerance) -> FormFailure? {
    if pair.demand == .nothing { return nil }
    let (headNorm, atLogits) = pair.demand == .sameBits ? (0, 0) : (tolerance.headNorm, tolerance.logits)
    for (index, layer) in layers.enumerated() where !(layer.afterHeadNorm.rms <= headNorm) {
      return FormFailure(pair: pair, layer: index, found: layer.afterHeadNorm.rms, tolerated: headNorm)
    }
    guard !(logits.rms <= atLogits) else { return nil }
    return FormFailure(pair: pair, layer: nil, found: logits.rms, tolerated: atLogits)
  }
}

/// Where a pair is too far apart.
package struct FormFailure: Sendable {
  package let pair: FormPair
  /// nil: at the logits.
  package let layer: Int?
  /// RMS relative difference.
  package let found: Double
  package let tolerated: Double
}

/// Makes the runs of all pairs and compares them.
///
/// - Parameters:
///   - pairs: In an order in which a yardstick need not be kept for later.
///   - record: Makes a run.
///   - report: Gets each comparison as it is made.
/// - Returns: A comparison for each pair, in their order.
/// - Throws: What `record` throws.
package func compareForms(
  _ pairs: [FormPair], record: (FormRun) throws -> RunRecord, report: (FormComparison) -> Void = { _ in }
) rethrows -> [FormComparison] {
  var last: (run: FormRun, record: RunRecord)?
  return try pairs.map { pair in
    let yardstick: RunRecord
    if let last, last.run == pair.yardstick {
      yardstick = last.record
    } else {
      last = nil  // Two records at a time are enough of memory.
      yardstick = try record(pair.yardstick)
      last = (pair.yardstick, yardstick)
    }
    let comparison = FormComparison(pair, try record(pair.run), yardstick: yardstick)
    report(comparison)
    return comparison
  }
}

extension RunRecord {
  /// The token with the largest logit after each token, the first of equals.
  fileprivate var likeliestTokens: [Int] {
    stride(from: 0, to: logits.count, by: vocabularySize).map { start in
      var best = start
      for index in start..<start + vocabularySize where logits[index] > logits[best] { best = index }
      return best - start
    }
  }
}
