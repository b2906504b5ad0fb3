// What the CPU can do, for --version and for the warning about a slower BLAS core.
#include "kernels.h"

uint32_t rn_cpu_features(void) {
  uint32_t features = 0;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) features |= RN_CPU_AVX2;
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl"))
    features |= RN_CPU_AVX512;
  if (__builtin_cpu_supports("avx512vnni")) features |= RN_CPU_AVX512_VNNI;
  if (__builtin_cpu_supports("avx512bf16")) features |= RN_CPU_AVX512_BF16;
#endif
  return features;
}
