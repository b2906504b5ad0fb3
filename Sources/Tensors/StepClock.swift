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

  fileprivate init(nanoseconds: [UInt64]) { self.nanoseconds = nanoseconds }

  package subscript(_ part: StepPart) -> Double { Double(nanoseconds[part.rawValue]) * 1e-9 }

  package var total: Double { Double(nanoseconds.reduce(0, +)) * 1e-9 }
}

/// Says where the time goes: every moment is charged to exactly one part.
///
/// A `WorkerPool` carries it, since every operation is handed the pool. An operation with a part of its own charges
/// the time to it while it runs; the rest falls to `rows`. One thread uses it, the one that starts the pool's regions.
package final class StepClock {
  private var part = StepPart.rows
  private var since = StepClock.now
  private var nanoseconds = [UInt64](repeating: 0, count: StepPart.allCases.count)

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
    defer { nanoseconds = [UInt64](repeating: 0, count: StepPart.allCases.count) }
    return PartTimes(nanoseconds: nanoseconds)
  }

  private static var now: UInt64 {
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
