import TestSupport

/// Loss and gradients in Float64, and how far the gradients move with the last digit of the weights.
struct ExactGradients {
  /// How many times its sensitivity a gradient in Float32 may be off: it rounds all that is computed, not only the
  /// weights. Found are up to 7.0, over five BLAS cores, three forms and 38 models (Tests/Golden/README.md).
  static let allowed = 12.0

  let loss: Double
  private let gradients: [String: ReferenceTensor]
  private let shifted: [[String: ReferenceTensor]]

  /// Runs the model and shifted copies of it.
  ///
  /// - Parameters:
  ///   - model: The exact weights.
  ///   - ids: [B, T].
  ///   - targets: As many, -1 where there is none.
  ///   - time: T.
  ///   - copies: How many; with fewer the sensitivity is known less well.
  init(_ model: ReferenceRetNet, ids: [Int32], targets: [Int32], time: Int, copies: Int) {
    func rows(_ ids: [Int32]) -> [[Int]] {
      stride(from: 0, to: ids.count, by: time).map { ids[$0..<$0 + time].map { Int($0) } }
    }
    let (ids, targets) = (rows(ids), rows(targets))
    (loss, gradients) = model.lossAndGradients(ids, targets: targets)
    shifted = model.shifted(copies: copies).map { $0.lossAndGradients(ids, targets: targets).gradients }
  }

  /// The gradients of the named parameters, one behind the other.
  func values(of names: [String]) -> [Double] { Self.values(of: names, gradients) }

  /// How far those of the copies are from them: an RMS ratio, its root mean square over the copies.
  func sensitivity(of names: [String]) -> Double {
    let exact = values(of: names)
    return rootMeanSquare(shifted.map { rmsRatio(Self.values(of: names, $0), exact) })
  }

  private static func values(of names: [String], _ gradients: [String: ReferenceTensor]) -> [Double] {
    names.flatMap { gradients[$0]?.values ?? [] }
  }
}
