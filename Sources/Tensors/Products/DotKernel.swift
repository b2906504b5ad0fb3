internal import CKernels

/// The kernel that multiplies quantised weights. All kernels are bit-identical.
enum DotKernel: CaseIterable, Sendable {
  case avx512VNNI
  case avxVNNI
  case avx2
  case portable

  /// The fastest kernel that this CPU supports.
  static var best: DotKernel { allCases.first(where: \.isAvailable) ?? .portable }

  var isAvailable: Bool {
    let cpu = CPU()
    return switch self {
    case .avx512VNNI: cpu.hasAVX512 && cpu.hasVNNI
    case .avxVNNI: cpu.hasAVX2 && cpu.hasAVXVNNI
    case .avx2: cpu.hasAVX2
    case .portable: true
    }
  }

  /// The signature in kernels.h.
  typealias Function =
    @convention(c) (
      UnsafeMutablePointer<Float>?, UnsafeRawPointer?, UnsafeRawPointer?, UnsafePointer<UInt16>?, Int64, Int64, Int64,
      Int64, Int32, Int32
    ) -> Void

  var function: Function {
    switch self {
    case .avx512VNNI: unsafe rn_quantized_rows_avx512_vnni
    case .avxVNNI: unsafe rn_quantized_rows_avx_vnni
    case .avx2: unsafe rn_quantized_rows_avx2
    case .portable: unsafe rn_quantized_rows_portable
    }
  }
}
