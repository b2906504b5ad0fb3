internal import CKernels

/// The instruction sets of this CPU that the program can use.
package struct CPU: Sendable {
  package let hasAVX2: Bool
  package let hasAVX512: Bool
  package let hasVNNI: Bool
  package let hasBF16: Bool
  /// The 256-bit form of VNNI, for CPUs without AVX-512.
  package let hasAVXVNNI: Bool

  /// Queries the CPU.
  package init() {
    let bits = Int(rn_cpu_features())
    hasAVX2 = bits & RN_CPU_AVX2 != 0
    hasAVX512 = bits & RN_CPU_AVX512 != 0
    hasVNNI = bits & RN_CPU_AVX512_VNNI != 0
    hasBF16 = bits & RN_CPU_AVX512_BF16 != 0
    hasAVXVNNI = bits & RN_CPU_AVX_VNNI != 0
  }

  /// Whether the CPU has the instructions of `bf16_product.c`.
  package var hasBF16Product: Bool { hasAVX512 && hasBF16 }

  /// The names of the instruction sets that the CPU has, e.g. `AVX2`, `AVX-512`, `VNNI`, `BF16`.
  package var names: [String] {
    [
      (hasAVX2, "AVX2"), (hasAVX512, "AVX-512"), (hasVNNI, "VNNI"), (hasBF16, "BF16"), (hasAVXVNNI, "AVX-VNNI"),
    ].filter(\.0).map(\.1)
  }
}

extension BLAS {
  /// An instruction set that this CPU has but OpenBLAS's kernels do not use; nil if there is none.
  ///
  /// The usual cause is `OPENBLAS_CORETYPE` in the environment.
  package static var unusedFeature: String? {
    let (cpu, core) = (CPU(), coreName)
    let avx512Cores: Set = ["SkylakeX", "Cooperlake", "Sapphirerapids", "SapphireRapids"]
    if cpu.hasAVX512, !avx512Cores.contains(core) { return "AVX-512" }
    // Cores without AVX2, as OpenBLAS's cpuid_x86.c names them.
    let olderCores: Set = [
      "Katmai", "Coppermine", "Northwood", "Prescott", "Banias", "Atom", "Core2", "Penryn", "Dunnington", "Nehalem",
      "Athlon", "Opteron", "Opteron_SSE3", "Barcelona", "Nano", "Sandybridge", "Bobcat", "Bulldozer", "Piledriver",
      "Steamroller",
    ]
    return cpu.hasAVX2 && olderCores.contains(core) ? "AVX2" : nil
  }
}
