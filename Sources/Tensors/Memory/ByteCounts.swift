/// Sizes in bytes, computed before anything is allocated.
///
/// They are Float64, because sizes from a configuration can exceed an Int.

extension Tensor {
  /// Bytes of a tensor with these extents.
  package static func byteCount(_ extents: Int...) -> Double {
    extents.reduce(Double(MemoryLayout<Float>.stride)) { $0 * Double($1) }
  }
}

extension DoubleBuffer {
  /// Bytes of a buffer whose count is the product of these counts.
  package static func byteCount(_ counts: Int...) -> Double {
    counts.reduce(Double(MemoryLayout<Double>.stride)) { $0 * Double($1) }
  }
}

extension Indices {
  /// Bytes of `count` indices.
  package static func byteCount(_ count: Int) -> Double { Double(MemoryLayout<Int32>.stride) * Double(count) }
}

extension WorkerPool {
  /// Bytes of the buffers in which products pack operands: the pool's own memory, or OpenBLAS's.
  ///
  /// - Parameters:
  ///   - precision: Precision of the products.
  ///   - largestOperand: Numbers of the largest second operand.
  ///   - workers: Threads of the pool.
  /// - Returns: An upper bound.
  package static func packingByteCount(
    _ precision: ProductPrecision, largestOperand: Double, workers: Int
  ) -> Double {
    switch precision {
    case .bfloat16: PackingMemory.byteCount(largestOperand: largestOperand, workers: workers)
    // OpenBLAS packs the 256 rows and 1,024 columns of a tile, at most 512 numbers of the inner extent at a time.
    case .float32: Double(workers) * Tensor.byteCount(256 + 1024, 512)
    }
  }
}
