import Glibc
import Synchronization
import Tensors
import Testing

@Suite struct WorkerPoolTests {
  @Test(arguments: [1, 2, 3, 8]) func runsEveryIndexOnce(threadCount: Int) {
    let pool = WorkerPool(threadCount: threadCount)
    for count in Array(0...40) + [100, 1000, 10_000] {
      let tally = Indices(count: count)
      pool.run(count, with: tally) { tally, index, _ in tally[index] += 1 }
      #expect((0..<count).allSatisfy { tally[$0] == 1 }, "count \(count)")
    }
  }

  @Test(arguments: [1, 2, 3, 8]) func rangesCoverEveryNumberOnceAndDoNotDependOnTheThreads(threadCount: Int) {
    let pool = WorkerPool(threadCount: threadCount)
    for count in [0, 1, 2, 9, 10, 11, 99, 1000] {
      for grain in [1, 3, 10, 2000] {
        let starts = Indices((0..<Int32(count)).map { _ in -1 })
        pool.runRanges(of: count, grain: grain, with: starts) { starts, range in
          for index in range { starts[index] = starts[index] == -1 ? Int32(range.lowerBound) : -2 }
        }
        #expect((0..<count).allSatisfy { Int(starts[$0]) == $0 / grain * grain }, "count \(count), grain \(grain)")
      }
    }
  }

  /// A worker's own scratch is touched by one task at a time, or some of the increments are lost.
  @Test(arguments: [1, 2, 3, 8]) func workersHaveNumbersOfTheirOwn(threadCount: Int) {
    let pool = WorkerPool(threadCount: threadCount)
    let tally = Indices(count: threadCount)
    pool.run(100_000, with: tally) { tally, _, worker in tally[worker] += 1 }
    #expect((0..<threadCount).reduce(0) { $0 + Int(tally[$1]) } == 100_000)
  }

  @Test(arguments: [2, 3, 8]) func regionsThatFollowEachOtherLoseNothing(threadCount: Int) {
    let pool = WorkerPool(threadCount: threadCount)
    let tally = Indices(count: 7)
    for region in 1...10_000 {
      // Each region reads what the one before wrote.
      pool.run(7, with: (tally, Int32(region))) { context, index, _ in
        let (tally, region) = context
        tally[index] = tally[index] == region - 1 ? region : -1
      }
    }
    #expect((0..<7).allSatisfy { tally[$0] == 10_000 })
  }

  @Test func sleepingWorkersWakeUp() {
    let pool = WorkerPool(threadCount: 2)
    let tally = Indices(count: 16)
    for _ in 0..<100 {
      usleep(1000)
      pool.run(16, with: tally) { tally, index, _ in tally[index] += 1 }
    }
    #expect((0..<16).allSatisfy { tally[$0] == 100 })
  }

  @Test(.enabled(if: sysconf(Int32(_SC_NPROCESSORS_ONLN)) > 1), arguments: [false, true])
  func twoThreadsWorkAtTheSameTime(afterSleep: Bool) {
    let pool = WorkerPool(threadCount: 2)
    if afterSleep { usleep(50_000) }
    let meeting = Meeting()
    // Each task waits for the other: one thread alone never gets past the first.
    pool.run(2, with: meeting) { meeting, _, _ in meeting.wait(for: 2) }
    let isComplete = meeting.isComplete.load(ordering: .relaxed)
    #expect(isComplete)
  }

  @Test func aRegionInsideARegionStopsTheProgram() async {
    await #expect(processExitsWith: .failure) {
      let pool = WorkerPool(threadCount: 2)
      pool.run(2, with: pool) { pool, _, _ in pool.run(2, with: 0) { _, _, _ in } }
    }
  }

  @Test func aReleasedPoolStopsItsThreads() async {
    await #expect(processExitsWith: .success) {
      let before = try threadsOfThisProcess()
      do {
        let pool = WorkerPool(threadCount: 8)
        let during = try threadsOfThisProcess()
        #expect(during > before)
        let tally = Indices(count: 100)
        pool.run(100, with: tally) { tally, index, _ in tally[index] += 1 }
      }
      for _ in 0..<500 {
        if try threadsOfThisProcess() <= before { return }
        usleep(10_000)
      }
      exit(1)
    }
  }
}

/// Where tasks wait for each other, at most ten seconds.
private final class Meeting: Sendable {
  private let arrived = Atomic<Int>(0)
  let isComplete = Atomic<Bool>(false)

  func wait(for count: Int) {
    arrived.wrappingAdd(1, ordering: .relaxed)
    let deadline = ContinuousClock.now + .seconds(10)
    while ContinuousClock.now < deadline {
      if arrived.load(ordering: .relaxed) == count {
        isComplete.store(true, ordering: .relaxed)
        return
      }
      sched_yield()
    }
  }
}

private func threadsOfThisProcess() throws -> Int {
  guard let folder = unsafe opendir("/proc/self/task") else { throw NoProcessFolder() }
  defer { unsafe closedir(folder) }
  var count = 0
  while unsafe readdir(folder) != nil { count += 1 }
  return count
}

private struct NoProcessFolder: Error {}
