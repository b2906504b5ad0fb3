import Glibc
import Tensors
import Testing

@Suite struct StepClockTests {
  @Test func everyMomentIsChargedToOnePart() {
    let start = ContinuousClock.now
    let clock = StepClock()
    usleep(2000)
    #expect(clock.charge(.data) == .rows)
    usleep(1000)
    #expect(clock.charge(.optimizer) == .data)
    #expect(clock.charge(.rows) == .optimizer)
    let times = clock.takeTimes()
    let elapsed = ContinuousClock.now - start
    // What `usleep` promises, and what has passed at most: no claim about speed.
    #expect(times[.rows] >= 2e-3 && times[.data] >= 1e-3)
    #expect(times[.products] == 0 && times[.retention] == 0)
    #expect(times.total <= Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) * 1e-18 + 1e-6)
    let sum = StepPart.allCases.reduce(0) { $0 + times[$1] }
    #expect((times.total - sum).magnitude < 1e-9)
    #expect(clock.takeTimes()[.data] == 0)
  }

  @Test func aProductIsChargedAndGivesTheTimeBack() {
    let clock = StepClock()
    let pool = WorkerPool(threadCount: 2, clock: clock)
    let (a, b, c) = (Tensor(Shape(64, 64)), Tensor(Shape(64, 64)), Tensor(Shape(64, 64)))
    #expect(pool.charge(.data) == .rows)
    multiply(Matrix(c), Matrix(a), Matrix(b), transposed: .none, on: pool)
    multiply(Matrix(c.prefix(1)), Matrix(a.prefix(1)), Matrix(b), transposed: .second, on: pool)
    #expect(pool.charge(.rows) == .data)
    #expect(clock.takeTimes()[.products] > 0)
  }

  @Test func whatOneTaskDoesIsSerialAndTheRestIsNot() throws {
    let clock = StepClock()
    let alone = WorkerPool(threadCount: 1, clock: clock)
    alone.run(1, with: ()) { _, _, _ in usleep(3000) }
    alone.run(3, with: ()) { _, index, _ in usleep(index == 1 ? 4000 : 1000) }
    var times = clock.takeTimes()
    // 3 ms in a region of one task; then 6 ms, whose longest task takes 4.
    #expect(times.serial >= 3e-3 && times.total - times.serial >= 6e-3)
    let span = try #require(times.span)
    #expect(span - times.serial >= 4e-3 && span <= times.total)

    let pair = WorkerPool(threadCount: 2, clock: clock)
    _ = clock.takeTimes()
    pair.run(2, with: ()) { _, _, _ in usleep(2000) }
    times = clock.takeTimes()
    #expect(times.span == nil && times.total - times.serial >= 2e-3)
  }

  @Test func withoutAClockNothingIsKept() {
    let pool = WorkerPool(threadCount: 1)
    #expect(pool.charge(.products) == .products)
    #expect(pool.charge(.data) == .data)
  }

  /// On one thread: more would give OpenBLAS threads of its own while other tests run in this process.
  @Test func theProbeFindsSpeeds() throws {
    let (probe, pool) = (ProductProbe(), WorkerPool(threadCount: 1))
    let speeds = probe.measure(.float32, on: pool)
    let library = try #require(speeds.library)
    #expect(speeds.ours > 0 && library > 0)
    #expect(speeds.faster == max(speeds.ours, library))
    #expect(speeds.faster.isFinite)
    let half = probe.measure(.bfloat16, on: pool)
    #expect(half.ours > 0 && half.ours.isFinite && half.library == nil && half.faster == half.ours)
  }
}
