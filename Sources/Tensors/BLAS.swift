internal import COpenBLAS

/// The linked OpenBLAS.
package enum BLAS {
  /// The kernel set that OpenBLAS chose, e.g. `Cooperlake`; `OPENBLAS_CORETYPE` overrides its choice.
  package static var coreName: String { unsafe String(cString: openblas_get_corename()) }

  /// Version and build options as the library states them.
  package static var configuration: String { unsafe String(cString: openblas_get_config()) }

  /// Makes OpenBLAS compute on the calling thread only, once and for good: the worker pool cuts the products.
  static func useCallingThreadOnly() { callingThreadOnly }

  private static let callingThreadOnly: Void = openblas_set_num_threads(1)
}
