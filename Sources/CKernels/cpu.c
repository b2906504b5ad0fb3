// Detects the instruction sets of the CPU.
#include "kernels.h"

#if defined(__x86_64__)
#include <cpuid.h>

// clang's __builtin_cpu_supports does not know these features. AVX2 implies that the system saves the registers.
static int has_f16c(void) {
  unsigned a, b, c, d;
  return __get_cpuid(1, &a, &b, &c, &d) && (c >> 29 & 1);
}

static int has_avx_vnni(void) {
  unsigned a, b, c, d;
  return __builtin_cpu_supports("avx2") && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 4 & 1);
}
#endif

uint32_t rn_cpu_features(void) {
  uint32_t features = 0;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c()) features |= RN_CPU_AVX2;
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl"))
    features |= RN_CPU_AVX512;
  if (__builtin_cpu_supports("avx512vnni")) features |= RN_CPU_AVX512_VNNI;
  if (__builtin_cpu_supports("avx512bf16")) features |= RN_CPU_AVX512_BF16;
  if (has_avx_vnni()) features |= RN_CPU_AVX_VNNI;
#endif
  return features;
}
