import TestSupport
import Testing

@Suite struct NormTests {
  @Test func rmsNormDividesByTheRootMeanSquare() {
    let x = ReferenceTensor([1, 2], [3, 4])
    let y = Reference.rmsNorm(x, weight: ReferenceTensor([2], [1, 10]), epsilon: 0)
    // 3 / √12.5 and 40 / √12.5.
    expectClose(y.values, [0.848528137423857, 11.31370849898476], ratio: 1e-15)
  }

  @Test func layerNormCentresAndDividesByTheDeviation() {
    let x = ReferenceTensor([1, 4], [1, 2, 3, 4])
    let y = Reference.layerNorm(x, weight: nil, bias: ReferenceTensor([4], [0, 0, 0, 1]), epsilon: 0)
    // ±1.5 / √1.25 and ±0.5 / √1.25.
    expectClose(
      y.values, [-1.341640786499874, -0.447213595499958, 0.447213595499958, 2.341640786499874], ratio: 1e-15)
  }

  @Test func epsilonIsAddedToTheMeanSquare() {
    let zeros = ReferenceTensor([2, 3])
    #expect(Reference.rmsNorm(zeros, weight: nil, epsilon: 1e-6) == zeros)
    let y = Reference.rmsNorm(ReferenceTensor([1, 1], [1]), weight: nil, epsilon: 3)
    #expect(y[0, 0] == 0.5)
  }

  @Test(arguments: [false, true]) func rmsNormBackwardIsTheGradient(hasWeight: Bool) {
    var generator = SeededGenerator(seed: 3)
    let x = ReferenceTensor.normal([2, 3, 5], using: &generator)
    let weight = ReferenceTensor.normal([5], using: &generator)
    let used = hasWeight ? weight : nil
    let dy = ReferenceTensor.normal([2, 3, 5], using: &generator)
    let (dx, dweight) = Reference.rmsNormBackward(dy, x: x, weight: used, epsilon: 0.1)
    expectGradient(dx, "dx", at: x, ratio: differencing) {
      Reference.rmsNorm($0, weight: used, epsilon: 0.1).dot(dy)
    }
    expectGradient(dweight, "dweight", at: used ?? ReferenceTensor([5], repeating: 1), ratio: differencing) {
      Reference.rmsNorm(x, weight: $0, epsilon: 0.1).dot(dy)
    }
  }

  @Test(arguments: [false, true]) func layerNormBackwardIsTheGradient(isAffine: Bool) {
    var generator = SeededGenerator(seed: 4)
    let x = ReferenceTensor.normal([2, 3, 5], using: &generator)
    let weight = isAffine ? ReferenceTensor.normal([5], using: &generator) : ReferenceTensor([5], repeating: 1)
    let bias = isAffine ? ReferenceTensor.normal([5], using: &generator) : ReferenceTensor([5])
    let dy = ReferenceTensor.normal([2, 3, 5], using: &generator)
    let (dx, dweight, dbias) = Reference.layerNormBackward(
      dy, x: x, weight: isAffine ? weight : nil, epsilon: 0.1)
    expectGradient(dx, "dx", at: x, ratio: differencing) {
      Reference.layerNorm($0, weight: isAffine ? weight : nil, bias: isAffine ? bias : nil, epsilon: 0.1).dot(dy)
    }
    expectGradient(dweight, "dweight", at: weight, ratio: differencing) {
      Reference.layerNorm(x, weight: $0, bias: bias, epsilon: 0.1).dot(dy)
    }
    expectGradient(dbias, "dbias", at: bias, ratio: differencing) {
      Reference.layerNorm(x, weight: weight, bias: $0, epsilon: 0.1).dot(dy)
    }
  }
}
