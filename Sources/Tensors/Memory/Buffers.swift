internal import Glibc

/// A fixed block of Float64 numbers, for sums and scales that must not lose digits.
///
/// `@unchecked Sendable` for the same reason as `Storage`: operations write disjoint places and join.
@safe package final class DoubleBuffer: @unchecked Sendable {
  private let base: UnsafeMutablePointer<Double>
  package let count: Int

  package init(count: Int, repeating value: Double = 0) {
    self.count = count
    let block = unsafe allocateZeroed(byteCount: checkedByteCount(of: count, Double.self))
    unsafe base = block.bindMemory(to: Double.self, capacity: count)
    if value != 0 { unsafe base.update(repeating: value, count: count) }
  }

  deinit { unsafe free(base) }

  package subscript(_ index: Int) -> Double {
    get {
      precondition(index >= 0 && index < count, "DoubleBuffer: index \(index) of \(count)")
      return unsafe base[index]
    }
    set {
      precondition(index >= 0 && index < count, "DoubleBuffer: index \(index) of \(count)")
      unsafe base[index] = newValue
    }
  }

  package var values: [Double] { unsafe [Double](UnsafeBufferPointer(start: base, count: count)) }
}

/// Token ids, targets or row numbers: a view of a fixed block of Int32, as `Tensor` is a view of Float32 numbers.
package struct Indices: Sendable {
  private let block: IndexBlock
  private let offset: Int
  package let count: Int

  /// New indices, all zero.
  package init(count: Int) {
    block = IndexBlock(count: count)
    offset = 0
    self.count = count
  }

  package init(_ values: [Int32]) {
    self.init(count: values.count)
    for (index, value) in values.enumerated() { self[index] = value }
  }

  private init(block: IndexBlock, offset: Int, count: Int) {
    self.block = block
    self.offset = offset
    self.count = count
  }

  /// A view of a range of these indices.
  package func slice(_ range: Range<Int>) -> Indices {
    precondition(range.lowerBound >= 0 && range.upperBound <= count, "Indices: \(range) of \(count)")
    return Indices(block: block, offset: offset + range.lowerBound, count: range.count)
  }

  package subscript(_ index: Int) -> Int32 {
    get {
      precondition(index >= 0 && index < count, "Indices: index \(index) of \(count)")
      return unsafe pointer[index]
    }
    nonmutating set {
      precondition(index >= 0 && index < count, "Indices: index \(index) of \(count)")
      unsafe pointer[index] = newValue
    }
  }

  /// Passes the indices to the body as a mutable span.
  package func withMutableSpan<Result, Failure: Error>(
    _ body: (inout MutableSpan<Int32>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    var span = unsafe UnsafeMutableBufferPointer(start: pointer, count: count).mutableSpan
    return try body(&span)
  }

  @inline(__always)
  var pointer: UnsafeMutablePointer<Int32> { unsafe block.base + offset }
}

/// The memory of `Indices`; `@unchecked Sendable` for the same reason as `Storage`.
@safe private final class IndexBlock: @unchecked Sendable {
  let base: UnsafeMutablePointer<Int32>

  init(count: Int) {
    let block = unsafe allocateZeroed(byteCount: checkedByteCount(of: count, Int32.self))
    unsafe base = block.bindMemory(to: Int32.self, capacity: count)
  }

  deinit { unsafe free(base) }
}
