internal import Glibc

/// What the time of a training step is spent on.
package enum StepPart: Int, CaseIterable, Sendable {
  /// Matrix products of whole batches; those inside retention are retention's.
  case products
  case retention
  /// Row loops and all that has no part of its own: norms, gates, rotation, loss, embedding, clearing the gradients.
  case rows
  /// The gradient's norm and the update.
  case optimizer
  case data
}

/// Seconds of each part; together they are the whole time.
package struct PartTimes: Sendable, Equatable {
  private let nanoseconds: [UInt64]
  private let regionNanoseconds: UInt64
  private let longestNanoseconds: UInt64?

  fileprivate init(nanoseconds: [UInt64], regions: UInt64, longestTasks: UInt64?) {
    (self.nanoseconds, regionNanoseconds, longestNanoseconds) = (nanoseconds, regions, longestTasks)
  }

  package subscript(_ part: StepPart) -> Double { Double(nanoseconds[part.rawValue]) * 1e-9 }

  package var total: Double { Double(nanoseconds.reduce(0, +)) * 1e-9 }

  /// The time outside regions of two tasks or more: no number of threads makes it shorter.
  package var serial: Double { total - Double(regionNanoseconds) * 1e-9 }

  /// The time that would be left with a thread for each task: `serial` and the longest task of every region. Nil unless
  /// one thread was measured, whose tasks do not take each other's caches and cores.
  package var span: Double? { longestNanoseconds.map { serial + Double($0) * 1e-9 } }
}

/// Says where the time goes: every moment is charged to exactly one part.
///
/// A `WorkerPool` carries it, since every operation is handed the pool. An operation with a part of its own charges
/// the time to it while it runs; the rest falls to `rows`. One thread uses it, the one that starts the pool's regions.
package final class StepClock {
  private var part = StepPart.rows
  private var since = StepClock.now
  private var nanoseconds = [UInt64](repeating: 0, count: StepPart.allCases.count)
  private var regionNanoseconds: UInt64 = 0
  private var longestNanoseconds: UInt64?

  package init() {}

  /// Charges the time from here on to a part; allocates nothing.
  ///
  /// - Returns: What it was charged to until here.
  package func charge(_ next: StepPart) -> StepPart {
    let (last, moment) = (part, StepClock.now)
    nanoseconds[last.rawValue] += moment - since
    (part, since) = (next, moment)
    return last
  }

  /// What was charged since the last call, or since the clock was made; the counts begin again.
  package func takeTimes() -> PartTimes {
    _ = charge(part)
    defer {
      nanoseconds = [UInt64](repeating: 0, count: StepPart.allCases.count)
      (regionNanoseconds, longestNanoseconds) = (0, nil)
    }
    return PartTimes(nanoseconds: nanoseconds, regions: regionNanoseconds, longestTasks: longestNanoseconds)
  }

  /// Counts a region that several threads ran.
  ///
  /// - Parameter start: When it began.
  func endRegion(since start: UInt64) { regionNanoseconds += StepClock.now - start }

  /// Counts a region that one thread ran, task by task.
  ///
  /// - Parameters:
  ///   - count: Number of tasks, ≥ 2.
  ///   - task: Runs one.
  func runRegion(_ count: Int, task: (Int) -> Void) {
    var (longest, last) = (UInt64(0), StepClock.now)
    let start = last
    for index in 0..<count {
      task(index)
      let moment = StepClock.now
      (longest, last) = (max(longest, moment - last), moment)
    }
    regionNanoseconds += last - start
    longestNanoseconds = (longestNanoseconds ?? 0) + longest
  }

  /// Nanoseconds since some moment in the past.
  static var now: UInt64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}

extension WorkerPool {
  /// Charges the time from here on to a part, where the pool has a clock.
  ///
  /// ```swift
  /// let outer = pool.charge(.products)
  /// defer { pool.charge(outer) }
  /// ```
  ///
  /// - Returns: What it was charged to until here.
  @discardableResult
  package func charge(_ part: StepPart) -> StepPart { clock?.charge(part) ?? part }
}
