internal import COpenBLAS
internal import Synchronization

/// The linked OpenBLAS.
package enum BLAS {
  /// The kernel set that OpenBLAS chose, e.g. `Cooperlake`; `OPENBLAS_CORETYPE` overrides its choice.
  package static var coreName: String { unsafe String(cString: openblas_get_corename()) }

  /// Version and build options as the library states them.
  package static var configuration: String { unsafe String(cString: openblas_get_config()) }

  /// Makes OpenBLAS compute on the calling thread only, once and for good: the worker pool cuts the products.
  static func useCallingThreadOnly() { callingThreadOnly }

  private static let callingThreadOnly: Void = openblas_set_num_threads(1)

  /// Lets OpenBLAS take the buffers in which so many threads pack their operands, before a product needs them: where the
  /// system has no memory for one, a product would ask for it again and again without end.
  ///
  /// The buffers are addresses only until a product writes into them. Ends the process as `MemoryRefusal` does.
  static func takeBuffers(threadCount: Int) {
    let wanted = min(threadCount, mostBuffers)
    taken.withLock { taken in
      guard wanted > taken else { return }
      var buffers: [UnsafeMutableRawPointer?] = unsafe []
      for index in 0..<wanted {
        if index >= taken { MemoryRefusal.requireAddresses(byteCount: bufferByteCount) }
        unsafe buffers.append(blas_memory_alloc(0))
      }
      // Given back they stay OpenBLAS's, and the next product finds them.
      while let buffer = unsafe buffers.popLast() { unsafe blas_memory_free(buffer) }
      taken = wanted
    }
  }

  private static let taken = Mutex(0)
  // OpenBLAS takes 128 MiB and a page for each (BUFFER_SIZE of x86-64), which malloc rounds up to a MiB.
  private static let bufferByteCount = 130 << 20
  // As Debian builds OpenBLAS (MAX_THREADS).
  private static let mostBuffers = 64
}
