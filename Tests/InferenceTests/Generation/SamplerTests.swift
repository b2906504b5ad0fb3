import Foundation
import Inference
import Tensors
import Testing

/// Options and the tokens that they leave, most likely first, with their probabilities before normalisation.
struct SamplingCase: CustomTestStringConvertible {
  let temperature: Double
  let topK: Int
  let topP: Double
  let kept: [Int32]

  /// ln p of eight tokens: 2 and 5 are equal.
  static let logits: [Float] = [-1, 0.5, 1, -0.25, 2, 1, -3, 0]

  var testDescription: String { "temperature \(temperature), top-k \(topK), top-p \(topP)" }

  var options: SamplingOptions {
    var options = SamplingOptions()
    (options.temperature, options.topK, options.topP, options.minP) = (temperature, topK, topP, 0)
    return options
  }

  var probabilities: [Double] {
    let weights = kept.map { exp(Double(Self.logits[Int($0)]) / temperature) }
    return weights.map { $0 / weights.reduce(0, +) }
  }

  static let all = [
    SamplingCase(temperature: 1, topK: 0, topP: 1, kept: [4, 2, 5, 1, 7, 3, 0, 6]),
    SamplingCase(temperature: 0.5, topK: 0, topP: 1, kept: [4, 2, 5, 1, 7, 3, 0, 6]),
    SamplingCase(temperature: 3, topK: 100, topP: 1, kept: [4, 2, 5, 1, 7, 3, 0, 6]),
    SamplingCase(temperature: 1, topK: 1, topP: 1, kept: [4]),
    SamplingCase(temperature: 1, topK: 2, topP: 1, kept: [4, 2]),
    SamplingCase(temperature: 1, topK: 5, topP: 1, kept: [4, 2, 5, 1, 7]),
    // At temperature 1 the first tokens have 0.449, 0.165, 0.165, 0.100, 0.061, 0.047, 0.022, 0.003.
    SamplingCase(temperature: 1, topK: 0, topP: 0.4, kept: [4]),
    SamplingCase(temperature: 1, topK: 0, topP: 0.5, kept: [4, 2]),
    SamplingCase(temperature: 1, topK: 0, topP: 0.7, kept: [4, 2, 5]),
    SamplingCase(temperature: 1, topK: 0, topP: 1e-9, kept: [4]),
    // Of these three, 4 alone has 0.576: the nucleus is that of the tokens that top-k has left.
    SamplingCase(temperature: 1, topK: 3, topP: 0.55, kept: [4]),
    // The temperature comes before the nucleus: at 0.5 the first token has 0.72.
    SamplingCase(temperature: 0.5, topK: 0, topP: 0.7, kept: [4]),
  ]
}

@Suite struct SamplerTests {
  private func sampler(temperature: Double = 1, topK: Int = 0, topP: Double = 1, seed: UInt64 = 1) -> Sampler {
    Sampler(SamplingCase(temperature: temperature, topK: topK, topP: topP, kept: []).options, seed: seed)
  }

  private func row(_ values: [Float]) -> Tensor { Tensor(Shape(values.count), values) }

  @Test(arguments: SamplingCase.all)
  func drawsFromTheWrittenOutDistribution(_ setting: SamplingCase) {
    var sampler = Sampler(setting.options, seed: 7)
    let logits = row(SamplingCase.logits)
    let draws = 20_000
    var counts: [Int32: Int] = [:]
    for _ in 0..<draws { counts[sampler.choose(logits) ?? -1, default: 0] += 1 }
    #expect(counts.keys.allSatisfy(setting.kept.contains))
    let chiSquare = zip(setting.kept, setting.probabilities).reduce(0) { sum, pair in
      let expected = pair.1 * Double(draws)
      let distance = Double(counts[pair.0] ?? 0) - expected
      return sum + distance * distance / expected
    }
    // With up to seven degrees of freedom, one sequence of draws in ten thousand lies above 30.
    #expect(chiSquare < 30)
  }

  @Test(arguments: SamplingCase.all)
  func eachDrawFollowsFromOneRandomNumber(_ setting: SamplingCase) {
    var sampler = Sampler(setting.options, seed: 99)
    var source = RandomSource(seed: 99)
    for _ in 0..<500 {
      let uniform = source.uniform()
      var sum = 0.0
      let index = setting.probabilities.firstIndex { probability in
        sum += probability
        return uniform < sum
      }
      #expect(sampler.choose(row(SamplingCase.logits)) == setting.kept[index ?? setting.kept.count - 1])
    }
  }

  @Test func greedyTakesTheMostLikelyAndAmongEqualsTheFirst() {
    var sampler = sampler(temperature: 0)
    #expect(sampler.choose(row(SamplingCase.logits)) == 4)
    #expect(sampler.choose(row([1, 3, 3, 2, 3])) == 1)
    #expect(sampler.choose(row([-5])) == 0)
    #expect(sampler.choose(row([-.infinity, -.infinity, -1e38])) == 2)
  }

  @Test(arguments: [0, 1e-300, 1, 1e300], [(0, 1), (2, 1), (0, 0.5), (2, 0.5)])
  func numbersThatAreNoneAreNotChosen(_ temperature: Double, _ top: (k: Int, p: Double)) {
    var sampler = sampler(temperature: temperature, topK: top.k, topP: top.p)
    for _ in 0..<50 {
      #expect(sampler.choose(row([.nan, 1, .nan, 1, .nan])).map { $0 % 2 } == 1)
      #expect(sampler.choose(row([.nan, .nan, 0])) == 2)
      #expect(sampler.choose(row([0, .infinity, 5])) == 1)
      #expect(sampler.choose(row([-.infinity, -.infinity])) == nil)
      #expect(sampler.choose(row([.nan, .nan, .nan])) == nil)
    }
  }

  @Test func theOrderOfAllIsThatOfFew() {
    let logits = row([-0.0, 0, 1, -.infinity, -1, 1, -0.5, 0])
    for seed in 0..<200 as Range<UInt64> {
      // The one that is left out has no weight.
      var (all, few) = (sampler(seed: seed), sampler(topK: 7, seed: seed))
      #expect(all.choose(logits) == few.choose(logits))
    }
  }

  @Test func theSeedDecides() {
    func draws(_ seed: UInt64) -> [Int32] {
      var sampler = sampler(seed: seed)
      return (0..<64).compactMap { _ in sampler.choose(row(SamplingCase.logits)) }
    }
    #expect(draws(5) == draws(5))
    #expect(draws(5) != draws(6))
  }

  @Test func topKOfManyEqualTokensKeepsTheFirst() {
    var sampler = sampler(topK: 3)
    let logits = row(Array(repeating: 0.5, count: 1_000))
    #expect(Set((0..<200).map { _ in sampler.choose(logits) }) == [0, 1, 2])
  }
}
