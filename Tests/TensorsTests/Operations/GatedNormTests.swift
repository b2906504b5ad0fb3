import EngineTestSupport
import Tensors
import TestSupport
import Testing

@Suite struct GatedNormTests {
  // Some twenty roundings of 6e-8 each for a number, e^x within 2 ULP among them.
  private let ratio = 1e-6

  @Test(arguments: [1, 7, 16, 17, 33, 100], [1, 3])
  func forwardAndBackwardEqualTheReference(width: Int, heads: Int) {
    // A layer norm leaves nothing of a row of one number, in the backward a rounding.
    for norm in NormKind.allCases where norm != .layer || width > 1 {
      for hasGate in [true, false] {
        for weightCount in Set([0, width, heads * width]) {
          for hasBias in weightCount > 0 ? [false, true] : [false] {
            let one = GatedNormCase(
              rows: 70, heads: heads, width: width, norm: norm, hasGate: hasGate, weightCount: weightCount,
              hasBias: hasBias)
            check(one, one.run(on: WorkerPool(threadCount: 2)))
          }
        }
      }
    }
  }

  private func check(_ one: GatedNormCase, _ found: GatedNormCase.Result) {
    let (o, weight, kind) = (one.o, one.weight, one.norm.reference)
    let normed = Reference.headNorm(o, kind, weight: weight, bias: one.bias, epsilon: one.epsilon)
    expectClose(found.z, one.g.map { Reference.gate($0, normed) } ?? normed, ratio: ratio, "z, \(one)")
    var dnormed = one.dz
    if let g = one.g, let dg = found.dg {
      let expected = Reference.gateBackward(one.dz, g: g, y: normed)
      expectClose(dg.values, expected.dg, ratio: ratio, "dg, \(one)")
      dnormed = expected.dy
      #expect(dg.isBorderIntact)
    }
    let expected = Reference.headNormBackward(
      dnormed, o: o, kind, weight: weight, bias: one.bias, epsilon: one.epsilon)
    expectClose(found.d_o, expected.dO.reshaped(one.dz.shape), ratio: ratio, "do, \(one)")
    if let dweight = expected.dweight, let foundWeight = found.dweight {
      // One weight is one sum of up to 210 terms of both signs, with no others to take a root mean square over.
      let ratio = weight?.count == 1 ? 3 * ratio : ratio
      expectClose(foundWeight, one.before + dweight, ratio: ratio, "dweight, \(one)")
    }
    if let dbias = expected.dbias, let foundBias = found.dbias {
      let ratio = dbias.count == 1 ? 3 * ratio : ratio
      expectClose(foundBias, one.before + dbias, ratio: ratio, "dbias, \(one)")
    }
    #expect((expected.dbias == nil) == (found.dbias == nil))
    #expect(found.inPlace.bits == found.d_o.bits, "do in the place of dz, \(one)")
  }

  @Test(arguments: NormKind.allCases, [true, false]) func hasTheSameBitsForAnyNumberOfThreads(
    norm: NormKind, hasGate: Bool
  ) {
    for weightCount in [20, 40] {
      let one = GatedNormCase(
        rows: 300, heads: 2, width: 20, norm: norm, hasGate: hasGate, weightCount: weightCount,
        hasBias: weightCount == 40)
      let results = [1, 2, 3, 8].map { threadCount in
        let found = one.run(on: WorkerPool(threadCount: threadCount))
        let dg = found.dg?.values.floats.map(\.bitPattern) ?? []
        return found.z.bits + found.d_o.bits + dg + (found.dweight?.bits ?? []) + (found.dbias?.bits ?? [])
      }
      #expect(results.allSatisfy { $0 == results[0] })
    }
  }
}

/// One head norm with its operands, printed as `70-3x33-rms-gate-weight 99`.
private struct GatedNormCase: CustomStringConvertible {
  let norm: NormKind
  let epsilon: Double
  /// [R, H, V].
  let o: ReferenceTensor
  /// [R, H·V].
  let dz: ReferenceTensor
  let g: ReferenceTensor?
  let weight: ReferenceTensor?
  let bias: ReferenceTensor?
  /// What the gradient of the weight is added to.
  let before: ReferenceTensor

  struct Result {
    let z: Tensor
    let d_o: Tensor
    let dg: Inlay?
    let dweight: Tensor?
    let dbias: Tensor?
    /// do where dz was.
    let inPlace: Tensor
  }

  init(rows: Int, heads: Int, width: Int, norm: NormKind, hasGate: Bool, weightCount: Int, hasBias: Bool) {
    var generator = SeededGenerator(seed: 9)
    self.norm = norm
    // As for the plain norm: a row of one number needs a visible ε.
    epsilon = Double(Float(width == 1 ? 0.5 : 1e-3))
    o = .roundedNormal([rows, heads, width], using: &generator)
    dz = .roundedNormal([rows, heads * width], using: &generator)
    g = hasGate ? .roundedNormal([rows, heads * width], deviation: 3, using: &generator) : nil
    weight = weightCount > 0 ? .roundedNormal([weightCount], using: &generator) : nil
    before = .roundedNormal([weightCount], using: &generator)
    bias = hasBias ? .roundedNormal([weightCount], using: &generator) : nil
  }

  var description: String {
    "\(o.shape[0])-\(o.shape[1])x\(o.width)-\(norm)\(g == nil ? "" : "-gate")-weight \(before.count)\(bias == nil ? "" : "-bias")"
  }

  func run(on pool: WorkerPool) -> Result {
    let (rows, total) = (dz.shape[0], dz.width)
    let (heads, weights, gate) = (Tensor(o.reshaped(dz.shape)), weight.map(Tensor.init), g.map(Inlay.init))
    let biases = bias.map(Tensor.init)
    let statistics = Shape(rows, o.shape[1])
    let (z, mean, inverse) = (Tensor.poison(Shape(rows, total)), Tensor.poison(statistics), Tensor.poison(statistics))
    gatedNorm(
      z, mean: mean, inverse: inverse, heads, gate?.matrix, norm: norm, weight: weights, bias: biases,
      epsilon: Float(epsilon),
      on: pool)
    func backward(_ d_o: Tensor, _ dz: Tensor, dweight: Tensor?, dbias: Tensor?) -> Inlay? {
      let found = gate.map { _ in Inlay(poison: rows, total) }
      gatedNormBackward(
        d_o, dg: found?.matrix, dweight: dweight, dbias: dbias, dz, heads, gate?.matrix, norm: norm, weight: weights,
        bias: biases, mean: mean, inverse: inverse,
        partials: .poison(Shape(partialCount(rows: rows) * max(1, 2 * before.count))), on: pool)
      return found
    }
    let (d_o, inPlace) = (Tensor.poison(Shape(rows, total)), Tensor(dz))
    let dweight = weights.map { _ in Tensor(before) }
    let dbias = biases.map { _ in Tensor(before) }
    let dg = backward(d_o, Tensor(dz), dweight: dweight, dbias: dbias)
    _ = backward(inPlace, inPlace, dweight: nil, dbias: nil)
    return Result(z: z, d_o: d_o, dg: dg, dweight: dweight, dbias: dbias, inPlace: inPlace)
  }
}

extension NormKind {
  fileprivate var reference: ReferenceNormKind {
    switch self {
    case .none: .none
    case .rms: .rms
    case .layer: .layer
    }
  }
}
