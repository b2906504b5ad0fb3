/// The difference of numbers from a reference, the yardstick, relative to the yardstick's root mean square.
package struct Difference: Equatable, Sendable {
  /// rms(a - b) / rms(b).
  package let rms: Double
  /// max|a - b| / rms(b).
  package let largest: Double

  /// - Precondition: Both have the same count.
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
    // NaN stays NaN. Anything but zeros differs from a yardstick of zeros by infinity.
    func relative(_ value: Double) -> Double { value == 0 ? 0 : value / unit }
    rms = relative((differences / Double(max(1, yardstick.count))).squareRoot())
    self.largest = rms.isNaN ? .nan : relative(largest)
  }
}

/// The largest relative RMS differences that two runs may have.
package struct FormTolerance: Equatable, Sendable {
  /// In each layer after the head norm.
  package let headNorm: Double
  package let logits: Double

  /// - Parameter logits: At the logits; a tenth of it is the tolerance in each layer.
  package init(logits: Double) {
    self.logits = logits
    headNorm = logits / 10
  }

  /// The tolerance for arithmetic in Float32.
  package static let float32 = FormTolerance(logits: 1e-4)
}

/// The differences between the two runs of a pair.
package struct FormComparison: Sendable {
  package let pair: FormPair
  package let layers: [LayerDifference]
  package let logits: Difference
  /// The fraction of the tokens after which both have the same most likely token.
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
    // NaN counts as worse than any number.
    func badness(_ layer: Int) -> Double {
      layers[layer].afterHeadNorm.rms.isNaN ? .infinity : layers[layer].afterHeadNorm.rms
    }
    return layers.indices.max { badness($0) < badness($1) } ?? 0
  }

  /// The first layer, or the logits, where the runs differ by more than the pair's demand allows; nil if they agree.
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

/// The place where a pair differs by more than tolerated.
package struct FormFailure: Sendable {
  package let pair: FormPair
  /// nil: at the logits.
  package let layer: Int?
  /// Relative RMS difference.
  package let found: Double
  package let tolerated: Double
}

/// Runs and compares all pairs.
///
/// - Parameters:
///   - pairs: The pairs. Those with the same yardstick should be consecutive, because only the last one is kept.
///   - record: Makes a run.
///   - report: Receives each comparison when it is done.
/// - Returns: A comparison for each pair, in their order.
/// - Throws: The errors of `record`.
package func compareForms(
  _ pairs: [FormPair], record: (FormRun) throws -> RunRecord, report: (FormComparison) -> Void = { _ in }
) rethrows -> [FormComparison] {
  var last: (run: FormRun, record: RunRecord)?
  return try pairs.map { pair in
    let yardstick: RunRecord
    if let last, last.run == pair.yardstick {
      yardstick = last.record
    } else {
      last = nil  // At most two records are in memory.
      yardstick = try record(pair.yardstick)
      last = (pair.yardstick, yardstick)
    }
    let comparison = FormComparison(pair, try record(pair.run), yardstick: yardstick)
    report(comparison)
    return comparison
  }
}

extension RunRecord {
  /// The most likely token after each token, the lowest id among equals.
  fileprivate var likeliestTokens: [Int] {
    stride(from: 0, to: logits.count, by: vocabularySize).map { start in
      var best = start
      for index in start..<start + vocabularySize where logits[index] > logits[best] { best = index }
      return best - start
    }
  }
}
