// Products of quantised weights with AVX-512's vpdpbusd, 64 bytes of weights at a time. kernels.h specifies the result
// and the order of its sums.
#include "quantized_rows.h"

#if defined(__x86_64__)
#include <immintrin.h>

#pragma STDC FP_CONTRACT OFF

#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,f16c")))
#define INLINE static inline __attribute__((always_inline)) TARGET

// Adds one output for `R` rows over a piece of up to sixteen blocks.
INLINE void add_piece(const int R, const int is_q4, __m512 *sum, const PreparedRow *x, const uint8_t *w,
                      const uint16_t *scales, int64_t first, const int64_t blocks) {
  const int group_blocks = is_q4 ? Q4_GROUP_BLOCKS : Q8_GROUP_BLOCKS;
  const __mmask16 there = (__mmask16)((1u << blocks) - 1);
  __m512 scale[4];
  __m512 weight_scale = _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(there, scales + first));
  for (int r = 0; r < R; r++) scale[r] = _mm512_mul_ps(weight_scale, _mm512_loadu_ps(x[r].scales + first));
  // The lanes of a group have the scale of their block: 0 0 0 0 1 1 1 1 … or 0 … 0 1 … 1.
  __m512i lanes = is_q4 ? _mm512_set_epi32(3, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0)
                        : _mm512_set_epi32(1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0);
  const __m512i low_half = _mm512_set1_epi8(15), offset = _mm512_set1_epi8((char)0x80);
#pragma clang loop unroll(full)
  for (int g = 0; g < PIECE_BLOCKS / group_blocks; g++) {
    int64_t left = blocks - g * group_blocks;
    if (left <= 0) break;
    int64_t at = first / group_blocks + g;
    const uint8_t *from = w + at * 64;
    rn_ask_ahead(from);
    __m512i bytes = left >= group_blocks ? _mm512_loadu_si512(from)
                                         : _mm512_maskz_loadu_epi8((1ull << (left * 64 / group_blocks)) - 1, from);
    __m512i low = is_q4 ? _mm512_and_si512(bytes, low_half) : _mm512_xor_si512(bytes, offset);
    __m512i high = _mm512_and_si512(_mm512_srli_epi16(bytes, 4), low_half);
    for (int r = 0; r < R; r++) {
      const int8_t *q = x[r].q + at * (is_q4 ? 128 : 64);
      __m512i dot = _mm512_loadu_si512(x[r].sums + at * RN_LANES);
      dot = _mm512_dpbusd_epi32(dot, low, _mm512_loadu_si512(q));
      if (is_q4) dot = _mm512_dpbusd_epi32(dot, high, _mm512_loadu_si512(q + 64));
      __m512 factor = _mm512_permutexvar_ps(lanes, scale[r]);
      sum[r] = _mm512_add_ps(sum[r], _mm512_mul_ps(_mm512_cvtepi32_ps(dot), factor));
    }
    lanes = _mm512_add_epi32(lanes, _mm512_set1_epi32(group_blocks));
  }
}

INLINE __m128 halved(__m512 sum) {
  __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(sum), _mm512_extractf32x8_ps(sum, 1));
  return _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
}

// Four sums over sixteen lanes, each in halves: 0 + 8, …, 0 + 4, …, 0 + 2, 0 + 1.
INLINE __m128 sums_of_lanes(const __m512 *sum) {
  __m128 a = halved(sum[0]), b = halved(sum[1]), c = halved(sum[2]), d = halved(sum[3]);
  _MM_TRANSPOSE4_PS(a, b, c, d);
  return _mm_add_ps(_mm_add_ps(a, c), _mm_add_ps(b, d));
}

// Up to four outputs for `R` rows, one output after the other, so that weights are read in the order of memory.
INLINE void block(const int R, const int is_q4, float *y, const PreparedRow *x, const uint8_t *w,
                  const uint16_t *scales, int64_t outputs, int64_t inputs, int64_t y_stride, int32_t accumulate) {
  int64_t blocks = inputs / RN_BLOCK, bytes = is_q4 ? inputs / 2 : inputs;
  __m512 sum[4][4];
  for (int o = 0; o < 4; o++) {
    __m512 own[4];
    for (int r = 0; r < R; r++) own[r] = _mm512_setzero_ps();
    if (o < outputs) {
      int64_t first = 0;
      for (; first + PIECE_BLOCKS <= blocks; first += PIECE_BLOCKS)
        add_piece(R, is_q4, own, x, w + o * bytes, scales + o * blocks, first, PIECE_BLOCKS);
      if (first < blocks) add_piece(R, is_q4, own, x, w + o * bytes, scales + o * blocks, first, blocks - first);
    }
    for (int r = 0; r < R; r++) sum[r][o] = own[r];
  }
  const __mmask8 there = outputs >= 4 ? 15 : (__mmask8)((1 << outputs) - 1);
  for (int r = 0; r < R; r++) {
    __m128 total = sums_of_lanes(sum[r]);
    float *to = y + r * y_stride;
    if (accumulate) total = _mm_add_ps(_mm_maskz_loadu_ps(there, to), total);
    _mm_mask_storeu_ps(to, there, total);
  }
}

INLINE void product(const int is_q4, float *y, const void *x, const uint8_t *w, const uint16_t *scales, int64_t rows,
                    int64_t outputs, int64_t inputs, int64_t y_stride, int32_t accumulate) {
  int64_t blocks = inputs / RN_BLOCK, bytes = is_q4 ? inputs / 2 : inputs;
  PreparedRow row[16];
  for (int64_t r = 0; r < rows; r++) row[r] = prepared_row(x, r, inputs, is_q4);
  for (int64_t o = 0; o < outputs; o += 4) {
    const uint8_t *from = w + o * bytes;
    const uint16_t *scale = scales + o * blocks;
    int64_t r = 0;
    for (; r + 4 <= rows; r += 4)
      block(4, is_q4, y + r * y_stride + o, row + r, from, scale, outputs - o, inputs, y_stride, accumulate);
    for (; r < rows; r++)
      block(1, is_q4, y + r * y_stride + o, row + r, from, scale, outputs - o, inputs, y_stride, accumulate);
  }
}

TARGET RN_QUANTIZED_ROWS(rn_quantized_rows_avx512_vnni) {
  if (is_q4)
    product(1, y, x, w, scales, rows, outputs, inputs, y_stride, accumulate);
  else
    product(0, y, x, w, scales, rows, outputs, inputs, y_stride, accumulate);
}

#else

RN_QUANTIZED_ROWS(rn_quantized_rows_avx512_vnni) {
  rn_quantized_rows_portable(y, x, w, scales, rows, outputs, inputs, y_stride, is_q4, accumulate);
}

#endif
