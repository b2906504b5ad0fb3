import TestSupport
import Testing

@Suite struct LinearTests {
  @Test func multipliesRowsByTheTransposedWeight() {
    let x = ReferenceTensor([1, 2, 2], [1, 2, 3, 4])
    let weight = ReferenceTensor([3, 2], [1, 0, 0, 1, 10, 100])
    let bias = ReferenceTensor([3], [0.5, 0, -1])
    let y = Reference.linear(x, weight: weight, bias: bias)
    #expect(y == ReferenceTensor([1, 2, 3], [1.5, 2, 209, 3.5, 4, 429]))
  }

  @Test func backwardIsTheGradient() {
    var generator = SeededGenerator(seed: 1)
    let x = ReferenceTensor.normal([2, 3, 4], using: &generator)
    let weight = ReferenceTensor.normal([5, 4], using: &generator)
    let bias = ReferenceTensor.normal([5], using: &generator)
    let dy = ReferenceTensor.normal([2, 3, 5], using: &generator)
    let (dx, dweight, dbias) = Reference.linearBackward(dy, x: x, weight: weight)
    expectGradient(dx, "dx", at: x, ratio: differencing) {
      Reference.linear($0, weight: weight, bias: bias).dot(dy)
    }
    expectGradient(dweight, "dweight", at: weight, ratio: differencing) {
      Reference.linear(x, weight: $0, bias: bias).dot(dy)
    }
    expectGradient(dbias, "dbias", at: bias, ratio: differencing) {
      Reference.linear(x, weight: weight, bias: $0).dot(dy)
    }
  }

  @Test func embeddingBackwardAddsUpRepeatedTokens() {
    var generator = SeededGenerator(seed: 2)
    let tokens = [[0, 2, 2], [3, 2, 0]]
    let weight = ReferenceTensor.normal([5, 2], using: &generator)
    let dy = ReferenceTensor.normal([2, 3, 2], using: &generator)
    let found = Reference.embeddingBackward(dy, tokens: tokens, vocabularySize: 5)
    expectGradient(found, "dweight", at: weight, ratio: differencing) {
      Reference.embedding(tokens, weight: $0).dot(dy)
    }
    #expect(found[1, 0] == 0 && found[4, 1] == 0)
  }
}

/// How closely the gradient of one operation follows central differences of fourth order: the worst ratio seen is 8e-11,
/// all of it rounding.
let differencing = 1e-9
