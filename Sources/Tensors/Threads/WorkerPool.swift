internal import CKernels
internal import Glibc
internal import Synchronization

/// The program's only worker threads: runs one parallel region at a time, and joins before it returns.
///
/// A region is `count` tasks that write disjoint ranges. Threads take tasks from a shared counter, so it is not fixed
/// which thread runs a task. A task's work depends on its index only, so results are the same for any number of
/// threads.
///
/// Workers spin briefly after a region, because the next one usually follows within microseconds; then they sleep. A
/// worker that wakes late finds the region closed and is not waited for, so surplus threads cost nothing.
///
/// `@unchecked Sendable`: the mutable state is in `Crew`, which says why it is safe, and in `clock`, which only the
/// thread that starts regions uses.
package final class WorkerPool: @unchecked Sendable {
  package let threadCount: Int
  /// Memory in which products pack their operands; used by one region at a time.
  let packing: PackingMemory
  /// Whether bfloat16 products run without the CPU's instruction: it is missing, or `init` was told so.
  package let usesPortableKernels: Bool
  /// The kernel that multiplies quantised weights.
  let dotKernel: DotKernel
  /// The clock that operations charge their time to, if any.
  let clock: StepClock?
  private let crew: Crew

  /// - Parameters:
  ///   - threadCount: Number of threads, including the caller's, ≥ 1.
  ///   - usesPortableKernels: Whether to avoid kernels for particular instructions even if the CPU has them.
  ///   - clock: The clock of a benchmark.
  package init(threadCount: Int, usesPortableKernels: Bool = false, clock: StepClock? = nil) {
    precondition(threadCount >= 1, "WorkerPool: threadCount is \(threadCount)")
    self.threadCount = threadCount
    self.clock = clock
    self.usesPortableKernels = usesPortableKernels || !CPU().hasBF16Product
    dotKernel = usesPortableKernels ? .portable : .best
    packing = PackingMemory(workers: threadCount)
    // OpenBLAS's own threads would compete with the workers for cores, and allocate in every product.
    BLAS.useCallingThreadOnly()
    BLAS.takeBuffers(threadCount: threadCount)
    crew = Crew(threadCount: threadCount)
    for _ in 1..<threadCount { crew.startWorker() }
  }

  deinit { crew.stop() }

  /// Runs `body(context, index, worker)` for every index in `0..<count`; returns when all tasks are done.
  ///
  /// - Parameters:
  ///   - count: Number of tasks, ≥ 0.
  ///   - context: The operands of the tasks, passed to the body so that a region allocates no closure.
  ///   - body: One task. It captures nothing, writes only what no other index touches, and starts no region.
  ///     `worker` in `0..<threadCount` identifies the thread and its scratch memory; results must not depend on it.
  package func run<Context: Sendable>(
    _ count: Int, with context: Context, body: @escaping @Sendable (Context, Int, Int) -> Void
  ) {
    unsafe withUnsafePointer(to: context) { unsafe run(TaskJob(context: $0, body: body), count: count) }
  }

  /// Cuts `0..<count` into ranges of `grain` (the last may be shorter) and runs the body for each.
  ///
  /// The cut depends on `count` and `grain` only, so a body may sum over its range and stay reproducible.
  package func runRanges<Context: Sendable>(
    of count: Int, grain: Int, with context: Context, body: @escaping @Sendable (Context, Range<Int>) -> Void
  ) {
    precondition(grain >= 1, "runRanges: grain is \(grain)")
    let whole = RangeContext(context: context, body: body, count: count, grain: grain)
    unsafe withUnsafePointer(to: whole) { unsafe run(RangeJob(whole: $0), count: (count + grain - 1) / grain) }
  }

  private func run(_ job: any Job, count: Int) {
    if count > 1, threadCount > 1 {
      let start = clock == nil ? 0 : StepClock.now
      crew.run(job, count: count)
      clock?.endRegion(since: start)
    } else if count > 1, let clock {
      clock.runRegion(count) { job.run($0, worker: 0) }
    } else {
      for index in 0..<count { job.run(index, worker: 0) }
    }
  }
}

/// The work of one region, with the type of its context erased.
///
/// A conforming type has at most three words, so that the existential stores it inline, and creates no closure. Either
/// would be allocated otherwise.
private protocol Job {
  func run(_ index: Int, worker: Int)
}

@unsafe private struct TaskJob<Context: Sendable>: @unsafe Job {
  let context: UnsafePointer<Context>
  let body: @Sendable (Context, Int, Int) -> Void

  func run(_ index: Int, worker: Int) { unsafe body(context.pointee, index, worker) }
}

private struct RangeContext<Context: Sendable>: Sendable {
  let context: Context
  let body: @Sendable (Context, Range<Int>) -> Void
  let count: Int
  let grain: Int
}

@unsafe private struct RangeJob<Context: Sendable>: @unsafe Job {
  let whole: UnsafePointer<RangeContext<Context>>

  func run(_ index: Int, worker: Int) {
    let (count, grain) = unsafe (whole.pointee.count, whole.pointee.grain)
    let start = index * grain
    unsafe whole.pointee.body(whole.pointee.context, start..<min(start + grain, count))
  }
}

private struct NoJob: Job {
  func run(_ index: Int, worker: Int) {}
}

/// The state that the workers share. It lives until the pool and the last worker have ended.
///
/// `@unchecked Sendable`: the caller writes `job` and `count` while the region is closed and no worker is inside. Only
/// workers that joined an open region read them; `state` orders the two. `mutex` guards the sleep.
@safe private final class Crew: @unchecked Sendable {
  /// High half: the region's number, odd while it is open. Low half: the number of workers inside it.
  private let state = Atomic<UInt64>(0)
  private let next = Atomic<Int>(0)
  private let sleepers = Atomic<Int>(0)
  private let lastWorker = Atomic<Int>(0)
  private let isStopping = Atomic<Bool>(false)
  private var job: any Job = NoJob()
  private var count = 0
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let wakeUp: UnsafeMutablePointer<pthread_cond_t>
  private let spinLimit: Int
  private let usefulWorkers: Int

  private static let oneRegion: UInt64 = 1 << 32
  private static let insideMask: UInt64 = oneRegion - 1

  init(threadCount: Int) {
    unsafe mutex = .allocate(capacity: 1)
    unsafe wakeUp = .allocate(capacity: 1)
    unsafe pthread_mutex_init(mutex, nil)
    unsafe pthread_cond_init(wakeUp, nil)
    let cores = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    // With more threads than cores, spinning would take cores from threads that work.
    spinLimit = threadCount <= cores ? 4000 : 0
    usefulWorkers = min(threadCount, cores) - 1
  }

  deinit {
    unsafe pthread_cond_destroy(wakeUp)
    unsafe pthread_mutex_destroy(mutex)
    unsafe wakeUp.deallocate()
    unsafe mutex.deallocate()
  }

  func run(_ newJob: any Job, count newCount: Int) {
    job = newJob
    count = newCount
    next.store(0, ordering: .relaxed)
    let opened = state.wrappingAdd(Crew.oneRegion, ordering: .sequentiallyConsistent).newValue
    precondition(opened >> 32 & 1 == 1, "WorkerPool: a region is started inside another")
    if sleepers.load(ordering: .sequentiallyConsistent) > 0 { wake(min(newCount - 1, usefulWorkers)) }
    work(newJob, newCount, worker: 0)
    var inside = state.wrappingAdd(Crew.oneRegion, ordering: .sequentiallyConsistent).newValue & Crew.insideMask
    var spins = 0
    while inside != 0 {
      spins += 1
      if spins > 20_000 { sched_yield() } else { rn_pause() }
      inside = state.load(ordering: .acquiring) & Crew.insideMask
    }
  }

  private func work(_ job: any Job, _ count: Int, worker: Int) {
    while true {
      let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
      if index >= count { return }
      job.run(index, worker: worker)
    }
  }

  private func wake(_ workers: Int) {
    unsafe pthread_mutex_lock(mutex)
    for _ in 0..<workers { unsafe pthread_cond_signal(wakeUp) }
    unsafe pthread_mutex_unlock(mutex)
  }

  func stop() {
    isStopping.store(true, ordering: .sequentiallyConsistent)
    unsafe pthread_mutex_lock(mutex)
    unsafe pthread_cond_broadcast(wakeUp)
    unsafe pthread_mutex_unlock(mutex)
  }

  /// Starts one detached worker. If the system refuses a thread, the pool works with fewer.
  func startWorker() {
    var thread = pthread_t()
    let argument = unsafe Unmanaged.passRetained(self).toOpaque()
    let failure = unsafe pthread_create(
      &thread, nil,
      { argument in
        guard let argument = unsafe argument else { return nil }
        unsafe Unmanaged<Crew>.fromOpaque(argument).takeRetainedValue().serve()
        return nil
      }, argument)
    if failure == 0 {
      pthread_detach(thread)
    } else {
      unsafe Unmanaged<Crew>.fromOpaque(argument).release()
    }
  }

  /// The loop of a worker: joins each open region once, spins for a while, then sleeps until the next region opens.
  private func serve() {
    let worker = lastWorker.wrappingAdd(1, ordering: .relaxed).newValue
    var lastJoined: UInt64 = 0
    var spins = 0
    while !isStopping.load(ordering: .relaxed) {
      let seen = state.load(ordering: .acquiring)
      let region = seen >> 32
      if region & 1 == 1, region != lastJoined {
        let joined = state.compareExchange(expected: seen, desired: seen + 1, ordering: .acquiringAndReleasing)
        guard joined.exchanged else { continue }
        lastJoined = region
        work(job, count, worker: worker)
        state.wrappingSubtract(1, ordering: .acquiringAndReleasing)
        spins = 0
      } else if spins < spinLimit {
        spins += 1
        rn_pause()
      } else {
        sleep(lastJoined: lastJoined)
        spins = 0
      }
    }
  }

  private func sleep(lastJoined: UInt64) {
    unsafe pthread_mutex_lock(mutex)
    sleepers.wrappingAdd(1, ordering: .sequentiallyConsistent)
    while !isStopping.load(ordering: .relaxed) {
      let region = state.load(ordering: .sequentiallyConsistent) >> 32
      if region & 1 == 1, region != lastJoined { break }
      unsafe pthread_cond_wait(wakeUp, mutex)
    }
    sleepers.wrappingSubtract(1, ordering: .sequentiallyConsistent)
    unsafe pthread_mutex_unlock(mutex)
  }
}
