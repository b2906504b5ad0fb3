import Tensors
import Testing

@Suite struct RandomSourceTests {
  /// The first numbers of SplitMix64 for seed 1234567: the test vector of Vigna's splitmix64.c on Rosetta Code.
  @Test func isSplitMix64() {
    var source = RandomSource(seed: 1_234_567)
    #expect(
      (0..<5).map { _ in source.next() } == [
        6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423, 4_593_380_528_125_082_431,
        16_408_922_859_458_223_821,
      ])
  }

  @Test func continuesFromItsState() {
    var source = RandomSource(seed: 3)
    _ = source.normal()
    var copy = RandomSource(seed: 0)
    copy.state = source.state
    #expect((0..<10).map { _ in source.normal() } == (0..<10).map { _ in copy.normal() })
  }

  @Test func uniformNumbersFillTheUnitInterval() {
    var source = RandomSource(seed: 1)
    let numbers = (0..<100_000).map { _ in source.uniform() }
    #expect(numbers.allSatisfy { $0 >= 0 && $0 < 1 })
    // The deviation of the mean is 9e-4, that of a tenth's share 3e-2 of it.
    #expect(abs(mean(numbers) - 0.5) < 5e-3)
    for tenth in 0..<10 {
      let share = numbers.count { Int($0 * 10) == tenth }
      #expect(abs(Double(share) / 10_000 - 1) < 0.06)
    }
  }

  @Test func normalNumbersHaveMeanZeroAndVarianceOne() {
    var source = RandomSource(seed: 2)
    let numbers = (0..<100_000).map { _ in source.normal() }
    // The deviation of the mean is 3e-3, that of the variance 4.5e-3, that of the fourth moment 3e-2.
    #expect(abs(mean(numbers)) < 0.015)
    #expect(abs(mean(numbers.map { $0 * $0 }) - 1) < 0.02)
    #expect(abs(mean(numbers.map { $0 * $0 * $0 * $0 }) - 3) < 0.15)
    #expect(abs(mean(zip(numbers, numbers.dropFirst()).map { $0 * $1 })) < 0.015)
  }

  @Test func tensorsAreFilledInOrder() {
    var (source, same) = (RandomSource(seed: 5), RandomSource(seed: 5))
    let tensor = Tensor(Shape(2, 50))
    tensor.fillNormal(deviation: 0.5, from: &source)
    #expect(tensor.values == (0..<100).map { _ in Float(0.5 * same.normal()) })
    tensor.fillUniform(bound: 2, from: &source)
    #expect(tensor.values == (0..<100).map { _ in Float(2 * (2 * same.uniform() - 1)) })
    #expect(tensor.values.allSatisfy { $0 >= -2 && $0 < 2 })
    #expect(source == same)
  }

  private func mean(_ numbers: [Double]) -> Double { numbers.reduce(0, +) / Double(numbers.count) }
}
