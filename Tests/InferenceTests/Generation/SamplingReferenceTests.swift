import Foundation
import Inference
import Tensors
import TestSupport
import Testing

/// The order of the choice, written out once more: arrays of (id, probability), each step renormalised.
private func writtenOut(_ logits: [Float], _ o: SamplingOptions, recent: [Int32]) -> [(id: Int32, p: Double)] {
  var logits = logits
  for (id, amount) in o.bias { logits[Int(id)] += amount }
  let window = recent.suffix(o.penalties.lastCount)
  for id in Set(window) {
    var value = Double(logits[Int(id)])
    value = value > 0 ? value / o.penalties.repetition : value * o.penalties.repetition
    value -= o.penalties.presence + o.penalties.frequency * Double(window.count { $0 == id })
    logits[Int(id)] = Float(value)
  }
  func normalised(_ list: [(id: Int32, p: Double)]) -> [(id: Int32, p: Double)] {
    let sum = list.reduce(0) { $0 + $1.p }
    return list.map { ($0.id, $0.p / sum) }
  }
  let order = logits.indices.sorted { logits[$0] > logits[$1] || (logits[$0] == logits[$1] && $0 < $1) }
  if o.temperature == 0 { return [(Int32(order[0]), 1)] }
  let most = Double(logits[order[0]])
  var list = normalised(
    order.prefix(o.topK == 0 ? logits.count : o.topK).map {
      (Int32($0), exp((Double(logits[$0]) - most) / o.temperature))
    })
  if o.typical < 1 {
    let entropy = -list.reduce(0) { $0 + ($1.p > 0 ? $1.p * log($1.p) : 0) }
    let near = list.indices.sorted {
      let (a, b) = (abs(-log(list[$0].p) - entropy), abs(-log(list[$1].p) - entropy))
      return a < b || (a == b && $0 < $1)
    }
    var (kept, sum) = (Set<Int>(), 0.0)
    for index in near where sum < o.typical {
      kept.insert(index)
      sum += list[index].p
    }
    list = normalised(list.indices.filter(kept.contains).map { list[$0] })
  }
  var (kept, sum) = (0, 0.0)
  while kept < list.count, o.topP == 1 || sum < o.topP {
    sum += list[kept].p
    kept += 1
  }
  list = normalised(Array(list.prefix(max(1, kept))))
  return normalised(list.filter { $0.p >= o.minP * list[0].p })
}

@Suite struct SamplingReferenceTests {
  @Test("every choice is that of the written-out order", arguments: 0..<60)
  func choicesAreThoseOfTheReference(_ seed: Int) {
    var random = SeededGenerator(seed: UInt64(seed))
    func pick<T>(_ values: [T]) -> T { values[Int.random(in: 0..<values.count, using: &random)] }
    var options = SamplingOptions()
    options.temperature = pick([0, 0.3, 0.8, 1, 2])
    options.topK = pick([0, 3, 10, 100])
    options.topP = pick([1, 0.9, 0.5])
    options.minP = pick([0, 0.05, 0.4])
    options.typical = pick([1, 0.8, 0.3])
    options.penalties.repetition = pick([1, 1.3, 0.8])
    options.penalties.presence = pick([0, 0.4, -0.3])
    options.penalties.frequency = pick([0, 0.25])
    options.penalties.lastCount = pick([0, 1, 5, 64])
    if pick([true, false]) { options.bias = [3: 2.5, 7: -.infinity, 0: -1] }
    var history: [Int32] = [4, 4, 9]
    var sampler = Sampler(options, seed: UInt64(seed), recent: history)
    var source = RandomSource(seed: UInt64(seed))
    for _ in 0..<40 {
      let logits = (0..<20).map { _ in Float.random(in: -3...3, using: &random) }
      let expected = writtenOut(logits, options, recent: history)
      var chosen = expected[expected.count - 1].id
      if options.temperature > 0 {
        let uniform = source.uniform()
        var sum = 0.0
        for (id, p) in expected {
          sum += p
          if uniform < sum { chosen = id; break }
        }
      }
      #expect(sampler.choose(Tensor(Shape(20), logits)) == chosen)
      history.append(chosen)
    }
  }

  @Test func logProbabilitiesAreThoseOfTheSoftmax() {
    let logits: [Float] = [1, 3, .nan, -2, 3]
    let found = TokenProbabilities(Tensor(Shape(5), logits))
    let sum = log([1, 3, -2, 3].reduce(0.0) { $0 + exp($1) })
    #expect(found.top(3).map(\.id) == [1, 4, 0])
    #expect(abs(found[1].logProbability - (3 - sum)) < 1e-12)
    #expect(found.top(10).map(\.id) == [1, 4, 0, 3])
    #expect(found.top(0).isEmpty)
  }

  @Test func penaltiesGoOnFromWhatWasLeft() {
    var options = SamplingOptions()
    options.temperature = 0
    options.penalties.repetition = 2
    options.penalties.lastCount = 3
    let logits = Tensor(Shape(4), [1, 1.5, 1.6, 1.7])
    var whole = Sampler(options, seed: 1)
    var first = Sampler(options, seed: 1)
    let expected = (0..<8).map { _ in whole.choose(logits) }
    #expect(Set(expected).count == 4)
    let beginning = (0..<3).map { _ in first.choose(logits) }
    var second = Sampler(options, seed: first.random, recent: first.recent)
    #expect(beginning + (0..<5).map { _ in second.choose(logits) } == expected)
  }
}
