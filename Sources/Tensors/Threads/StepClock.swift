internal import Glibc

/// A part of a step, for measuring where time is spent.
package enum StepPart: Int, CaseIterable, Sendable {
  /// Matrix products of whole batches; the products inside retention count as `retention`.
  case products
  case retention
  /// Row loops and everything else: norms, gates, rotation, loss, embedding, clearing the gradients.
  case rows
  /// The gradient norm and the update.
  case optimizer
  case data
}

/// Seconds spent in each part; they add up to the whole time.
package struct PartTimes: Sendable, Equatable {
  private let nanoseconds: [UInt64]
  private let regionNanoseconds: UInt64
  private let longestNanoseconds: UInt64?

  fileprivate init(nanoseconds: [UInt64], regions: UInt64, longestTasks: UInt64?) {
    (self.nanoseconds, regionNanoseconds, longestNanoseconds) = (nanoseconds, regions, longestTasks)
  }

  package subscript(_ part: StepPart) -> Double { Double(nanoseconds[part.rawValue]) * 1e-9 }

  package var total: Double { Double(nanoseconds.reduce(0, +)) * 1e-9 }

  /// The time outside regions of two or more tasks, which more threads cannot shorten.
  package var serial: Double { total - Double(regionNanoseconds) * 1e-9 }

  /// The time that would remain with one thread per task: `serial` plus the longest task of every region.
  ///
  /// nil unless one thread was measured, because several threads slow each other's tasks.
  package var span: Double? { longestNanoseconds.map { serial + Double($0) * 1e-9 } }
}

/// Measures the time of each part of a step; every moment counts for exactly one part.
///
/// A `WorkerPool` holds the clock, because every operation gets the pool. An operation that has its own part charges
/// that part while it runs; all other time counts as `rows`. Only the thread that starts the pool's regions uses it.
package final class StepClock {
  private var part = StepPart.rows
  private var since = StepClock.now
  private var nanoseconds = [UInt64](repeating: 0, count: StepPart.allCases.count)
  private var regionNanoseconds: UInt64 = 0
  private var longestNanoseconds: UInt64?

  package init() {}

  /// Charges the time from now on to a part; allocates nothing.
  ///
  /// - Returns: The part that was charged until now.
  package func charge(_ next: StepPart) -> StepPart {
    let (last, moment) = (part, StepClock.now)
    nanoseconds[last.rawValue] += moment - since
    (part, since) = (next, moment)
    return last
  }

  /// The times since the last call, or since the clock was made; starts again from zero.
  package func takeTimes() -> PartTimes {
    _ = charge(part)
    defer {
      nanoseconds = [UInt64](repeating: 0, count: StepPart.allCases.count)
      (regionNanoseconds, longestNanoseconds) = (0, nil)
    }
    return PartTimes(nanoseconds: nanoseconds, regions: regionNanoseconds, longestTasks: longestNanoseconds)
  }

  /// Adds a region that several threads ran.
  ///
  /// - Parameter start: The time when it began.
  func endRegion(since start: UInt64) { regionNanoseconds += StepClock.now - start }

  /// Runs a region task by task on this thread, and adds it.
  ///
  /// - Parameters:
  ///   - count: Number of tasks, ≥ 2.
  ///   - task: Runs the task with this index.
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

  /// Nanoseconds since a fixed moment in the past.
  static var now: UInt64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}

extension WorkerPool {
  /// Charges the time from now on to a part; does nothing if the pool has no clock.
  ///
  /// ```swift
  /// let outer = pool.charge(.products)
  /// defer { pool.charge(outer) }
  /// ```
  ///
  /// - Returns: The part that was charged until now.
  @discardableResult
  package func charge(_ part: StepPart) -> StepPart { clock?.charge(part) ?? part }
}
