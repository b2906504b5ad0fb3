/// Sizes before anything is allocated, in Float64: what a configuration multiplies can be more than an Int holds.

extension Tensor {
  /// Bytes of a tensor of these extents.
  package static func byteCount(_ extents: Int...) -> Double {
    extents.reduce(Double(MemoryLayout<Float>.stride)) { $0 * Double($1) }
  }
}

extension DoubleBuffer {
  /// Bytes of a buffer with the product of these counts.
  package static func byteCount(_ counts: Int...) -> Double {
    counts.reduce(Double(MemoryLayout<Double>.stride)) { $0 * Double($1) }
  }
}

extension Indices {
  /// Bytes of so many indices.
  package static func byteCount(_ count: Int) -> Double { Double(MemoryLayout<Int32>.stride) * Double(count) }
}

extension WorkerPool {
  /// Bytes that products pack operands into: the pool's own memory, or OpenBLAS's.
  ///
  /// - Parameters:
  ///   - precision: Of the products.
  ///   - largestOperand: Numbers of the largest second operand.
  ///   - workers: Threads of the pool.
  /// - Returns: An upper bound.
  package static func packingByteCount(
    _ precision: ProductPrecision, largestOperand: Double, workers: Int
  ) -> Double {
    switch precision {
    case .bfloat16: PackingMemory.byteCount(largestOperand: largestOperand, workers: workers)
    // OpenBLAS packs a tile's rows and columns, 256 + 1,024, with at most 512 numbers of the inner extent.
    case .float32: Double(workers) * Tensor.byteCount(256 + 1024, 512)
    }
  }
}
