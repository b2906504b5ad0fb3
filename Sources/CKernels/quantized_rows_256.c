// Products of quantised weights in 256 bits, with AVX2 alone or with AVX-VNNI; kernels.h says what and in which order.
#include "quantized_rows.h"

#if defined(__x86_64__)
#include <immintrin.h>

#pragma STDC FP_CONTRACT OFF

#define AVX2 __attribute__((target("avx2,f16c")))
#define AVX_VNNI __attribute__((target("avx2,f16c,avxvnni")))

// sum + Σ over each four bytes of u · s, u from 0. Exact: the products of a pair stay below 2^15, u being a half byte
// or a magnitude of at most 128, and s a magnitude of at most 127.
AVX2 static inline __attribute__((always_inline)) __m256i dot_avx2(__m256i sum, __m256i u, __m256i s) {
  return _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(u, s), _mm256_set1_epi16(1)));
}

AVX_VNNI static inline __attribute__((always_inline)) __m256i dot_avx_vnni(__m256i sum, __m256i u, __m256i s) {
  return _mm256_dpbusd_avx_epi32(sum, u, s);
}

AVX2 static inline __attribute__((always_inline)) float sum_of_lanes(__m256 low, __m256 high) {
  __m256 eight = _mm256_add_ps(low, high);
  __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

// The text of both: an instruction set is an attribute of a function and of all that it inlines.
#define QUANTIZED_ROWS(TARGET, NAME, DOT)                                                                            \
  /* Half a group, 32 bytes of weights, with the lanes 0 … 7 or 8 … 15 of `sum`: one block of q8_0, two of q4_0. */  \
  TARGET static inline __attribute__((always_inline)) __m256 NAME##_q8(__m256 sum, const uint8_t *w, const int8_t *q, \
                                                                       float scale) {                                \
    __m256i weights = _mm256_loadu_si256((const __m256i *)w), row = _mm256_loadu_si256((const __m256i *)q);          \
    __m256i dot = DOT(_mm256_setzero_si256(), _mm256_abs_epi8(weights), _mm256_sign_epi8(row, weights));             \
    return _mm256_add_ps(sum, _mm256_mul_ps(_mm256_cvtepi32_ps(dot), _mm256_set1_ps(scale)));                        \
  }                                                                                                                  \
  TARGET static inline __attribute__((always_inline)) __m256 NAME##_q4(                                              \
      __m256 sum, __m256i weights, const int8_t *q, const int32_t *sums, float first, float second) {                \
    const __m256i low_half = _mm256_set1_epi8(15);                                                                   \
    __m256i dot = _mm256_loadu_si256((const __m256i *)sums);                                                         \
    dot = DOT(dot, _mm256_and_si256(weights, low_half), _mm256_loadu_si256((const __m256i *)q));                     \
    dot = DOT(dot, _mm256_and_si256(_mm256_srli_epi16(weights, 4), low_half),                                        \
              _mm256_loadu_si256((const __m256i *)(q + 64)));                                                        \
    __m256 scale = _mm256_set_m128(_mm_set1_ps(second), _mm_set1_ps(first));                                         \
    return _mm256_add_ps(sum, _mm256_mul_ps(_mm256_cvtepi32_ps(dot), scale));                                        \
  }                                                                                                                  \
  TARGET static inline __attribute__((always_inline)) float NAME##_output(                                           \
      const int is_q4, const PreparedRow x, const uint8_t *w, const uint16_t *scales, int64_t blocks) {              \
    __m256 sum[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};                                                      \
    for (int64_t b = 0; b < blocks; b += is_q4 ? 2 : 1) {                                                            \
      float first = _cvtsh_ss(scales[b]) * x.scales[b];                                                              \
      if (!is_q4) {                                                                                                  \
        sum[b % 2] = NAME##_q8(sum[b % 2], w + b * 32, x.q + b * 32, first);                                         \
        continue;                                                                                                    \
      }                                                                                                              \
      int is_whole = b + 1 < blocks;                                                                                 \
      float second = is_whole ? _cvtsh_ss(scales[b + 1]) * x.scales[b + 1] : 0.0f;                                   \
      __m256i weights = is_whole ? _mm256_loadu_si256((const __m256i *)(w + b * 16))                                 \
                                 : _mm256_zextsi128_si256(_mm_loadu_si128((const __m128i *)(w + b * 16)));           \
      int64_t at = b / 4, half = b / 2 % 2;                                                                          \
      sum[half] = NAME##_q4(sum[half], weights, x.q + at * 128 + half * 32, x.sums + at * RN_LANES + half * 8,       \
                            first, second);                                                                          \
    }                                                                                                                \
    return sum_of_lanes(sum[0], sum[1]);                                                                             \
  }                                                                                                                  \
  TARGET RN_QUANTIZED_ROWS(rn_quantized_rows_##NAME) {                                                               \
    int64_t blocks = inputs / RN_BLOCK, bytes = is_q4 ? inputs / 2 : inputs;                                         \
    for (int64_t o = 0; o < outputs; o++)                                                                            \
      for (int64_t r = 0; r < rows; r++) {                                                                           \
        PreparedRow row = prepared_row(x, r, inputs, is_q4);                                                         \
        const uint8_t *weights = (const uint8_t *)w + o * bytes;                                                     \
        float total = is_q4 ? NAME##_output(1, row, weights, scales + o * blocks, blocks)                            \
                            : NAME##_output(0, row, weights, scales + o * blocks, blocks);                           \
        float *to = y + r * y_stride + o;                                                                            \
        *to = accumulate ? *to + total : total;                                                                      \
      }                                                                                                              \
  }

QUANTIZED_ROWS(AVX2, avx2, dot_avx2)
QUANTIZED_ROWS(AVX_VNNI, avx_vnni, dot_avx_vnni)

#else

RN_QUANTIZED_ROWS(rn_quantized_rows_avx2) {
  rn_quantized_rows_portable(y, x, w, scales, rows, outputs, inputs, y_stride, is_q4, accumulate);
}

RN_QUANTIZED_ROWS(rn_quantized_rows_avx_vnni) {
  rn_quantized_rows_portable(y, x, w, scales, rows, outputs, inputs, y_stride, is_q4, accumulate);
}

#endif
