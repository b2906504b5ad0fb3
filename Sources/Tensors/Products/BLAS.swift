internal import COpenBLAS
internal import Synchronization

/// The linked OpenBLAS.
package enum BLAS {
  /// The kernel set that OpenBLAS uses, e.g. `Cooperlake`; `OPENBLAS_CORETYPE` overrides its choice.
  package static var coreName: String { unsafe String(cString: openblas_get_corename()) }

  /// Version and build options, as the library reports them.
  package static var configuration: String { unsafe String(cString: openblas_get_config()) }

  /// Makes OpenBLAS compute on the calling thread only, permanently: the worker pool splits the products.
  static func useCallingThreadOnly() { callingThreadOnly }

  private static let callingThreadOnly: Void = openblas_set_num_threads(1)

  /// Makes OpenBLAS allocate its packing buffers for this many threads before a product needs them.
  ///
  /// If the system has no memory for a buffer, a product would retry forever. Here the process ends instead
  /// (`MemoryRefusal`). The buffers take address space only, until a product writes into them.
  static func takeBuffers(threadCount: Int) {
    let wanted = min(threadCount, mostBuffers)
    taken.withLock { taken in
      guard wanted > taken else { return }
      var buffers: [UnsafeMutableRawPointer?] = unsafe []
      for index in 0..<wanted {
        if index >= taken { MemoryRefusal.requireAddresses(byteCount: bufferByteCount) }
        unsafe buffers.append(blas_memory_alloc(0))
      }
      // OpenBLAS keeps the freed buffers, and the next product uses them.
      while let buffer = unsafe buffers.popLast() { unsafe blas_memory_free(buffer) }
      taken = wanted
    }
  }

  private static let taken = Mutex(0)
  // OpenBLAS takes 128 MiB and a page for each buffer (BUFFER_SIZE of x86-64), which malloc rounds up to a MiB.
  private static let bufferByteCount = 130 << 20
  // The limit of Debian's OpenBLAS (MAX_THREADS).
  private static let mostBuffers = 64
}
