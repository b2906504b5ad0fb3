import EngineTestSupport
import Glibc
import Retention
import Tensors
import TestSupport
import Testing

/// A million tokens through a state of constant size, thirty-two heads from a half-life of 22 tokens to 5e10.
@Suite struct LongSequenceTests {
  private static let (heads, width, time, calls) = (32, 4, 10_000, 100)
  // Rounding of a million additions, which grows as their root: the worst head is at 2e-5.
  private let ratio = 1e-4

  @Test func aMillionTokensStayWithTheReference() {
    let pool = WorkerPool(threadCount: 2)
    let shape = RetentionShape(
      batch: 1, time: Self.time, heads: Self.heads, keyHeads: 1, keyWidth: Self.width, valueWidth: Self.width)
    let table = DecayTable(Decay(.powers, heads: Self.heads), length: 64)
    let (recurrent, chunkwise) = (RetentionState(shape), RetentionState(shape))
    let states = ChunkStates(shape, chunks: ChunkPlan(time: Self.time, length: 64).count)
    let scratch = ChunkScratch(shape, chunkLength: 64, workers: 2)
    var stream = TokenStream(heads: Self.heads, width: Self.width, time: Self.time)
    let outputs = [0, 1].map { _ in Tensor(Shape(Self.time, Self.heads * Self.width)) }
    for _ in 0..<Self.calls {
      stream.advance()
      let (q, k, v) = (Matrix(stream.q), Matrix(stream.k), Matrix(stream.v))
      recurrentRetention(Matrix(outputs[0]), q, k, v, shape: shape, table: table, state: recurrent, on: pool)
      chunkwiseRetention(
        Matrix(outputs[1]), q, k, v, shape: shape, chunkLength: 64, table: table, state: chunkwise, states: states,
        scratch: scratch, on: pool)
    }
    let (expected, expectedState) = (stream.lastOutput(), stream.state())
    let size = Self.width * Self.width
    for (name, output, state) in [("recurrent", outputs[0], recurrent), ("chunkwise", outputs[1], chunkwise)] {
      let last = Array(output.values.suffix(expected.count))
      expectClose(last, expected, ratio: ratio, "\(name), last output")
      for head in 0..<Self.heads {
        expectClose(
          Array(last[head * Self.width..<(head + 1) * Self.width]),
          Array(expected[head * Self.width..<(head + 1) * Self.width]), ratio: ratio, "\(name), output \(head)")
        expectClose(
          Array(state.values[head * size..<(head + 1) * size]),
          Array(expectedState[head * size..<(head + 1) * size]), ratio: ratio, "\(name), state \(head)")
      }
      for values in [output.values, state.stored.values] {
        #expect(values.allSatisfy { $0.isFinite && !$0.isSubnormal }, "\(name)")
      }
      #expect(state.scales.values.allSatisfy { $0 >= 0.5 && $0 <= 1 }, "\(name)")
    }
  }

  /// Fast heads forget to nothing: subnormal numbers, each of which costs a hundred normal ones, are passed and left.
  @Test func aStateThatIsForgottenEndsAtZero() {
    let pool = WorkerPool(threadCount: 2)
    let shape = RetentionShape(
      batch: 1, time: 10_000, heads: 2, keyHeads: 1, keyWidth: Self.width, valueWidth: Self.width)
    let table = DecayTable(Decay(.powers, heads: 2), length: 64)
    var stream = TokenStream(heads: 2, width: Self.width, time: 10_000)
    stream.advance()
    let silence = Tensor(stream.k.shape)
    for isRecurrent in [true, false] {
      let (state, output) = (RetentionState(shape), Tensor(stream.q.shape))
      for k in [stream.k, silence] {
        let (o, q, k, v) = (Matrix(output), Matrix(stream.q), Matrix(k), Matrix(stream.v))
        if isRecurrent {
          recurrentRetention(o, q, k, v, shape: shape, table: table, state: state, on: pool)
        } else {
          chunkwiseRetention(
            o, q, k, v, shape: shape, chunkLength: 64, table: table, state: state,
            states: ChunkStates(shape, chunks: 157), scratch: ChunkScratch(shape, chunkLength: 64, workers: 2),
            on: pool)
        }
      }
      // γ^6900 of the slower head is 1e-47.
      let last = output.values.suffix(3100 * output.shape[1])
      for (name, values) in [("state", state.stored.values), ("output", Array(last))] {
        #expect(values.allSatisfy { $0 == 0 }, "\(name), recurrent \(isRecurrent)")
      }
    }
  }
}

/// Tokens without end and the Float64 recurrence over them; all heads read the same keys and values.
private struct TokenStream {
  /// [T, H·K]; the same in each call, as an output leaves nothing behind.
  let q: Tensor
  /// [T, K] and [T, V].
  let k, v: Tensor
  private let gammas: [Double]
  private var states: [SIMD16<Double>]
  private var generator = SeededGenerator(seed: 41)

  init(heads: Int, width: Int, time: Int) {
    precondition(width == 4, "TokenStream: a state of \(width)² numbers is no SIMD16")
    q = Tensor(.roundedNormal([time, heads * width], using: &generator))
    (k, v) = (Tensor(Shape(time, width)), Tensor(Shape(time, width)))
    gammas = (0..<heads).map { 1 - exp2(Double(-5 - $0)) }
    states = Array(repeating: .zero, count: heads)
  }

  /// Draws the next keys and values, and moves the reference over them.
  mutating func advance() {
    for t in 0..<k.shape[0] {
      var (key, value) = (SIMD4<Double>.zero, SIMD4<Double>.zero)
      for i in 0..<4 {
        // Uniform within ±1, in steps that Float32 holds.
        let bits = generator.next()
        (k[4 * t + i], v[4 * t + i]) = (Self.number(bits >> 40), Self.number(bits >> 8 & 0xFF_FFFF))
        (key[i], value[i]) = (Double(k[4 * t + i]), Double(v[4 * t + i]))
      }
      var added = SIMD16<Double>.zero
      for i in 0..<4 { for j in 0..<4 { added[4 * i + j] = key[i] * value[j] } }
      for head in states.indices { states[head] = states[head] * gammas[head] + added }
    }
  }

  private static func number(_ bits: UInt64) -> Float { (Float(bits) - 0x80_0000) / 0x80_0000 }

  /// The states after the tokens so far [H, K, V].
  func state() -> [Double] { states.flatMap { state in (0..<16).map { state[$0] } } }

  /// The outputs of the last token [H, V].
  func lastOutput() -> [Double] {
    let last = q.values.suffix(4 * states.count).map(Double.init)
    return states.enumerated().flatMap { head, state in
      (0..<4).map { j in (0..<4).reduce(0.0) { $0 + last[4 * head + $1] * state[4 * $1 + j] } }
    }
  }
}
