import EngineTestSupport
import Glibc
import Retention
import Tensors
import TestSupport
import Testing

@Suite struct DecayTests {
  @Test func rulesGiveTheirFormulas() {
    let gammas = { (rule: DecayRule, heads: Int) in Decay(rule, heads: heads).logarithms.map { exp($0) } }
    expectClose(gammas(.powers, 4), [31.0 / 32, 63.0 / 64, 127.0 / 128, 255.0 / 256], ratio: 1e-15)
    // reference table of the paper's language models with eight heads, to six digits
    expectClose(
      gammas(.linspace, 8), [0.96875, 0.97897, 0.985848, 0.990476, 0.993591, 0.995687, 0.997098, 0.998047],
      ratio: 1e-6)
    expectClose(gammas(.linspace, 1), [31.0 / 32], ratio: 1e-15)
    expectClose(gammas(.single, 2), [127.0 / 128, 127.0 / 128], ratio: 1e-15)
    #expect(gammas(.none, 2) == [1, 1])
  }

  @Test func everyHeadOfThirtyTwoDecaysMoreSlowlyThanTheOneBefore() {
    let logarithms = Decay(.powers, heads: 32).logarithms
    #expect(zip(logarithms, logarithms.dropFirst()).allSatisfy { $0 < $1 })
    #expect(logarithms.allSatisfy { $0 < 0 })
    expectClose([logarithms[31]], [-exp2(-36)], ratio: 1e-10)
  }

  @Test func theHalfLifeIsThatOfTheSlowestHead() {
    #expect(Int(Decay(.powers, heads: 6).longestHalfLife.rounded()) == 709)
    #expect(Int(Decay(.powers, heads: 8).longestHalfLife.rounded()) == 2839)
    #expect(Decay(.none, heads: 2).longestHalfLife == .infinity)
  }

  @Test func powersAreThoseOfTheDecay() {
    let decay = Decay(.powers, heads: 3)
    for steps in [0, 1, 2, 100, 1000] {
      expectClose([decay.power(head: 1, steps)], [pow(63.0 / 64, Double(steps))], ratio: 1e-12)
    }
  }

  /// A Float32 state times a Float32 γ would not decay at all from the twentieth head on.
  @Test(arguments: [Form.recurrent, .chunkwise(100), .parallel]) func slowHeadsDecayOverManyTokens(form: Form) {
    let (T, H, heads) = (5000, 12, 20...31)
    let logDecay = heads.map { log1p(-exp2(Double(-5 - $0))) }
    let inputs = RetentionCase(T: T, H: H, G: H, K: 2, V: 2, logDecay: logDecay).inputs()
    let expected = Reference.retention(inputs, .recurrent)
    let run = RetentionRun(inputs)
    let output = run.output(form, on: WorkerPool(threadCount: 2))
    // 5,000 additions rounded to 6e-8 each.
    let ratio = 1e-5
    expectClose(output.values, expected.output.values, ratio: ratio, "output")
    expectClose(run.state.reference, expected.finalState, ratio: ratio, "state")
    for head in 0..<H {
      let size = 4
      let found = Array(run.state.values[head * size..<(head + 1) * size])
      expectClose(found, Array(expected.finalState.values[head * size..<(head + 1) * size]), ratio: ratio, "\(head)")
    }
  }

  /// What is left of a state of ones after n tokens without keys is γ^n, also where γ is 1 in Float32.
  @Test(arguments: [Form.recurrent, .chunkwise(64), .parallel]) func aStateWithoutKeysDecaysByItself(form: Form) {
    let (T, heads) = (4000, 32)
    let decay = Decay(.powers, heads: heads)
    let zeros = ReferenceTensor([1, T, heads, 1])
    let run = RetentionRun(
      RetentionInputs(
        q: zeros, k: zeros, v: zeros, logDecay: decay.logarithms,
        initialState: ReferenceTensor([1, heads, 1, 1], repeating: 1)))
    _ = run.output(form, on: WorkerPool(threadCount: 1))
    for head in 0..<heads {
      // From head 20 on the stored part is never rescaled and keeps the rounding that it had at first. Before, each
      // rescaling rounds to 6e-8. Powers below 1e-30 may be zero.
      let stored = Double(Float(1 / (0.53 + 0.4 / Double(head + 1)))) * (0.53 + 0.4 / Double(head + 1))
      let expected = decay.power(head: head, T)
      let ratio = head < 20 ? 1e-5 : 1e-12
      #expect(abs(run.state.values[head] / stored - expected) <= ratio * expected + 1e-30, "head \(head)")
    }
  }

  @Test(arguments: Form.all(6)) func limits(form: Form) {
    let pool = WorkerPool(threadCount: 1)
    // γ = 1 sums everything, γ = 0 keeps only the step itself.
    for logDecay in [0, -Double.infinity] {
      let inputs = RetentionCase(T: 6, H: 1, logDecay: [logDecay]).inputs()
      let expected = Reference.retention(inputs, .recurrent)
      let run = RetentionRun(inputs)
      // Six sums of two products.
      expectClose(run.output(form, on: pool).values, expected.output.values, ratio: 1e-6, "\(logDecay)")
      expectClose(run.state.reference, expected.finalState, ratio: 1e-6, "state, \(logDecay)")
    }
  }
}
