internal import CKernels
internal import Glibc

/// Numbers in one task of an element-wise operation.
let elementBlock = 65_536

extension Tensor {
  /// Sets every number to zero.
  package func clear(on pool: WorkerPool) {
    pool.runRanges(of: count, grain: elementBlock, with: self) { tensor, range in
      unsafe memset(tensor.pointer + range.lowerBound, 0, range.count * MemoryLayout<Float>.stride)
    }
  }

  /// Copies the numbers of another tensor of the same count.
  package func copy(_ source: Tensor, on pool: WorkerPool) {
    precondition(count == source.count, "copy: \(source.shape) into \(shape)")
    pool.runRanges(of: count, grain: elementBlock, with: (self, source)) { context, range in
      let (to, from) = context
      unsafe memcpy(
        to.pointer + range.lowerBound, from.pointer + range.lowerBound, range.count * MemoryLayout<Float>.stride)
    }
  }

  /// Multiplies every number by `factor`.
  package func scale(by factor: Float, on pool: WorkerPool) {
    pool.runRanges(of: count, grain: elementBlock, with: (self, factor)) { context, range in
      let (tensor, factor) = context
      unsafe rn_scale(tensor.pointer + range.lowerBound, factor, Int64(range.count))
    }
  }

  /// x ← x + weight · (other − x), for another tensor of the same count.
  package func moveTowards(_ other: Tensor, weight: Float, on pool: WorkerPool) {
    precondition(count == other.count, "moveTowards: \(other.shape), expected \(shape)")
    pool.runRanges(of: count, grain: elementBlock, with: (self, other, weight)) { context, range in
      let (to, from, weight) = context
      unsafe rn_move_towards(
        to.pointer + range.lowerBound, from.pointer + range.lowerBound, weight, Int64(range.count))
    }
  }

  /// Exchanges the numbers with those of another tensor of the same count.
  package func exchange(with other: Tensor, on pool: WorkerPool) {
    precondition(count == other.count, "exchange: \(other.shape) with \(shape)")
    pool.runRanges(of: count, grain: elementBlock, with: (self, other)) { context, range in
      let (first, second) = context
      unsafe rn_exchange(first.pointer + range.lowerBound, second.pointer + range.lowerBound, Int64(range.count))
    }
  }

  /// Adds the numbers of another tensor of the same count.
  package func add(_ other: Tensor, on pool: WorkerPool) {
    precondition(count == other.count, "add: \(other.shape) to \(shape)")
    pool.runRanges(of: count, grain: elementBlock, with: (self, other)) { context, range in
      let (to, from) = context
      unsafe rn_add(to.pointer + range.lowerBound, from.pointer + range.lowerBound, Int64(range.count))
    }
  }

  /// Caps logits softly, x ← c tanh(x / c) (docs/MATH.md, eq. 40). `crossEntropyWithGradient` has the backward.
  ///
  /// - Parameters:
  ///   - cap: c > 0.
  ///   - pool: Where the blocks run.
  package func softcap(_ cap: Float, on pool: WorkerPool) {
    pool.runRanges(of: count, grain: elementBlock, with: (self, cap)) { context, range in
      let (tensor, cap) = context
      unsafe rn_softcap(tensor.pointer + range.lowerBound, cap, Int64(range.count))
    }
  }

  /// The sum of squares in Float64. Blocks are added in index order.
  ///
  /// - Parameters:
  ///   - scratch: At least `sumBlockCount` numbers, overwritten.
  ///   - pool: Where the blocks run.
  /// - Returns: Σ x².
  package func sumOfSquares(scratch: DoubleBuffer, on pool: WorkerPool) -> Double {
    precondition(scratch.count >= sumBlockCount, "sumOfSquares: scratch has \(scratch.count), needs \(sumBlockCount)")
    pool.runRanges(of: count, grain: elementBlock, with: (self, scratch)) { context, range in
      let (tensor, scratch) = context
      scratch[range.lowerBound / elementBlock] =
        unsafe rn_sum_of_squares(tensor.pointer + range.lowerBound, Int64(range.count))
    }
    var sum = 0.0
    for block in 0..<sumBlockCount { sum += scratch[block] }
    return sum
  }

  /// Number of partial sums of `sumOfSquares`.
  package var sumBlockCount: Int { (count + elementBlock - 1) / elementBlock }
}

extension Tensor {
  /// Whether all numbers are finite. It is checked for every token, so it is fast and allocates nothing.
  package var isFinite: Bool {
    var exponents: UInt32 = 0
    // Adding one to an exponent of all ones carries into the sign bit.
    for index in 0..<count { unsafe exponents |= (pointer[index].bitPattern & 0x7FFF_FFFF) &+ 0x0080_0000 }
    return exponents >> 31 == 0
  }

  /// The index of the first number that is not finite; nil if there is none.
  package var firstNotFinite: Int? { isFinite ? nil : (0..<count).first { !self[$0].isFinite } }

  /// The largest magnitude of the numbers. NaN is ignored; an empty tensor gives 0.
  package var largestMagnitude: Float {
    var largest: Float = 0
    for index in 0..<count { unsafe largest = max(largest, pointer[index].magnitude) }
    return largest
  }
}
