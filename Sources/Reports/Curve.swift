/// A curve over the steps of a run in bounded memory: any number of points is reduced to a few hundred buckets.
///
/// A bucket covers a power of two of steps. When there are too many buckets, all become twice as wide. The result
/// depends only on the points and their order, so a curve read again from a log is bit-identical.
package struct Curve: Sendable {
  /// The points of neighbouring steps, at least one.
  package struct Bucket: Sendable, Equatable {
    package fileprivate(set) var count = 1
    package fileprivate(set) var lowest: Double
    package fileprivate(set) var highest: Double
    fileprivate var sum: Double
    fileprivate var stepSum: Double

    package var mean: Double { sum / Double(count) }

    /// The mean step of its points.
    package var step: Double { stepSum / Double(count) }

    fileprivate mutating func add(_ other: Bucket) {
      count += other.count
      lowest = min(lowest, other.lowest)
      highest = max(highest, other.highest)
      sum += other.sum
      stepSum += other.stepSum
    }
  }

  /// The maximum number of buckets: about one for each pixel of a wide line on a screen.
  package static let largestBucketCount = 512

  /// The non-empty buckets, in the order of their steps.
  package private(set) var buckets: [Bucket] = []
  /// For each bucket, its first step divided by the bucket width.
  private var places: [Int] = []
  /// The bucket width in steps is 2 to the power of this.
  private var widthExponent = 0

  package init() {}

  /// Adds a point.
  ///
  /// - Parameters:
  ///   - step: The step. Points come in order; one that does not joins the last bucket.
  ///   - value: The value; skipped if it is not finite.
  package mutating func append(step: Int, _ value: Double) {
    guard value.isFinite else { return }
    let bucket = Bucket(lowest: value, highest: value, sum: value, stepSum: Double(step))
    let place = step >> widthExponent
    if let last = places.last, place <= last {
      buckets[buckets.count - 1].add(bucket)
      return
    }
    buckets.append(bucket)
    places.append(place)
    while buckets.count > Self.largestBucketCount { widen() }
  }

  /// Removes the points after a step, except for the rest of that step's bucket.
  package mutating func remove(after step: Int) {
    while let last = places.last, last > step >> widthExponent {
      places.removeLast()
      buckets.removeLast()
    }
  }

  private mutating func widen() {
    widthExponent += 1
    let (old, oldPlaces) = (buckets, places)
    (buckets, places) = ([], [])
    for (bucket, oldPlace) in zip(old, oldPlaces) {
      if places.last == oldPlace >> 1 {
        buckets[buckets.count - 1].add(bucket)
      } else {
        buckets.append(bucket)
        places.append(oldPlace >> 1)
      }
    }
  }

  /// A smoothed curve: the weighted mean of each bucket and its neighbours, closer ones counting more.
  ///
  /// The window is about a twentieth of the curve. It narrows towards the first bucket, where a loss falls fastest. The
  /// highest and the lowest bucket of the window are left out, so that a single spike does not lift the line.
  package var smoothed: [Double] {
    buckets.indices.map { index in
      let reach = min(buckets.count / 40, index)
      let window = max(0, index - reach)...min(buckets.count - 1, index + reach)
      let extremes =
        reach < 2
        ? []
        : [
          window.max { buckets[$0].mean < buckets[$1].mean }, window.min { buckets[$0].mean < buckets[$1].mean },
        ]
      let (sum, weights) = window.reduce(into: (0.0, 0.0)) { total, place in
        guard !extremes.contains(place) else { return }
        let weight = Double(reach + 1 - abs(place - index)) * Double(buckets[place].count)
        total.0 += weight * buckets[place].mean
        total.1 += weight
      }
      return sum / weights
    }
  }
}
