// Products of quantised weights in 256 bits, with AVX2 alone or with AVX-VNNI; kernels.h specifies result and order.
#include "quantized_rows.h"

#if defined(__x86_64__)
#include <immintrin.h>

#pragma STDC FP_CONTRACT OFF

// Blocks of a piece, whose scales fill one vector.
enum { EIGHT = 8 };

#define TARGET __attribute__((target("avx2,f16c")))
#define NAMED(name) name##_avx2
#define DOT dot_avx2

// The sum is exact, because the products of a pair stay below 2^15: u is a half byte or a magnitude of at most 128; s
// has a magnitude of at most 127.
TARGET static inline __attribute__((always_inline)) __m256i dot_avx2(__m256i sum, __m256i u, __m256i s) {
  return _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(u, s), _mm256_set1_epi16(1)));
}

#include "quantized_rows_256.h"

#undef TARGET
#undef NAMED
#undef DOT
#define TARGET __attribute__((target("avx2,f16c,avxvnni")))
#define NAMED(name) name##_avx_vnni
#define DOT _mm256_dpbusd_avx_epi32

#include "quantized_rows_256.h"

#else

RN_QUANTIZED_ROWS(rn_quantized_rows_avx2) {
  rn_quantized_rows_portable(y, x, w, scales, rows, outputs, inputs, y_stride, is_q4, accumulate);
}

RN_QUANTIZED_ROWS(rn_quantized_rows_avx_vnni) {
  rn_quantized_rows_portable(y, x, w, scales, rows, outputs, inputs, y_stride, is_q4, accumulate);
}

#endif
