internal import CAllocationCount
internal import Glibc
internal import Synchronization
package import Tensors
package import Testing

/// For suites that count allocations: sanitizers replace the same functions, and the count would always be 0.
package let countsAllocations = ConditionTrait.enabled(if: allocation_count_works() == 1, "a sanitizer replaces malloc")

/// Runs the body twice to warm up, then expects it to allocate nothing, on no thread of the pool.
package func expectNoAllocation(
  on pool: WorkerPool, sourceLocation: SourceLocation = #_sourceLocation, _ body: () -> Void
) {
  body()
  body()
  #expect(allocations(on: pool, of: body) == 0, sourceLocation: sourceLocation)
}

/// How often the calling thread and the pool's other one allocate while the body runs.
package func allocations(on pool: WorkerPool, of body: () -> Void) -> Int {
  // The count is one for the process, and other suites count at the same time.
  counting.withLock { _ in
    count(true, on: pool)
    let before = allocation_count()
    body()
    let after = allocation_count()
    count(false, on: pool)
    return after - before
  }
}

private let counting = Mutex(())

/// Turns the count on or off for the calling thread and the pool's other one.
private func count(_ isOn: Bool, on pool: WorkerPool) {
  guard pool.threadCount > 1 else { return allocation_count_this_thread(isOn ? 1 : 0) }
  // Tasks that wait for each other are on different threads.
  pool.run(pool.threadCount, with: (isOn, Meeting())) { context, _, _ in
    let (isOn, meeting) = context
    meeting.wait()
    allocation_count_this_thread(isOn ? 1 : 0)
  }
}

/// Where two tasks wait for each other.
package final class Meeting: Sendable {
  private let arrived = Atomic<Int>(0)

  package init() {}

  package func wait() {
    arrived.wrappingAdd(1, ordering: .relaxed)
    while arrived.load(ordering: .relaxed) < 2 { sched_yield() }
  }
}
