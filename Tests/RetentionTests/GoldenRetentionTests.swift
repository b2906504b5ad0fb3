import EngineTestSupport
import Glibc
import Retention
import Tensors
import TestSupport
import Testing

/// Retention of T = 5, K = 4, V = 2 with γ = 31/32 and sines as inputs, against numbers computed elsewhere.
@Suite struct GoldenRetentionTests {
  // Float32 rounding of inputs, angles and sums.
  private let ratio = 1e-6
  private let pool = WorkerPool(threadCount: 2)
  private let forms: [Form] = [.recurrent, .parallel, .chunkwise(2), .chunkwise(5)]

  @Test func withoutRotation() {
    expect(
      [
        0.504730845, 0.885885976, 1.218182225, 1.709455492, 0.233181409, 0.180256421, -1.096256596, -2.642028217,
        -2.050052042, -3.045674810,
      ], nil)
  }

  @Test func interleavedPairsWithLinspaceAngles() {
    expect(
      [
        0.504730845, 0.885885976, 1.011095463, 1.345984030, 0.079894084, -0.062907973, 0.053414625, -1.015777674,
        -0.829455658, -1.225924465,
      ], (.linspace, .interleaved))
  }

  @Test func halfSplitPairsWithStandardAngles() {
    expect(
      [
        0.504730845, 0.885885976, 1.033438916, 1.385200480, 0.266886275, 0.222875229, 0.042993794, -1.014440952,
        -1.057152511, -1.591628292,
      ], (.standard, .halfSplit))
  }

  private func expect(_ expected: [Double], _ rotation: (RotationFrequencies, RotationLayout)?) {
    for first in rotation == nil ? [0] : [0, 100_000] {
      func rotated(_ x: ReferenceTensor) -> ReferenceTensor {
        guard let (frequencies, layout) = rotation else { return x.rounded }
        let table = RotationTable(
          Rotation(layout: layout, frequencies: frequencies.values(keyWidth: 4, base: 10_000)), capacity: 5)
        table.prepare(first: first, count: 5)
        let tensor = Tensor(x.reshaped([5, 4]))
        table.apply(Matrix(tensor), as: .queries, on: pool)
        return tensor.reference.reshaped(x.shape)
      }
      let inputs = RetentionInputs(
        q: rotated(ReferenceTensor([1, 5, 1, 4], (1...20).map { sin(0.3 * Double($0)) })),
        k: rotated(ReferenceTensor([1, 5, 1, 4], (1...20).map { 0.5 * cos(0.2 * Double($0)) })),
        v: ReferenceTensor([1, 5, 1, 2], (1...10).map { sin(0.5 * Double($0)) }).rounded, logDecay: [log(31.0 / 32)])
      for form in forms {
        let output = RetentionRun(inputs).output(form, on: pool)
        expectClose(output.values, expected, ratio: ratio, "\(form), from position \(first)")
      }
    }
  }
}
