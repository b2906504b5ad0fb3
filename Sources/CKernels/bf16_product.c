// The bfloat16 product with AVX-512's vdpbf16ps. kernels.h specifies the result and the order of its sums.
//
// Only for CPUs with RN_CPU_AVX512 and RN_CPU_AVX512_BF16; other CPUs use the portable twin.
#include "kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#define BF16_TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")))
#define BF16_INLINE static inline __attribute__((always_inline)) BF16_TARGET

// A mask of the first `count` of sixteen lanes: none for a negative count, all for a large one.
BF16_INLINE __mmask16 first(int64_t count) {
  return count >= 16 ? 0xFFFF : count <= 0 ? 0 : (__mmask16)((1u << count) - 1);
}

// ---- Packing

// Transposes sixteen rows of sixteen pairs, in steps of 4, 8, 16 and 32 bytes.
BF16_INLINE void transpose(__m512i *r) {
  __m512i t[16];
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
  for (int i = 0; i < 4; i++) {
    t[i] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0x88);
    t[i + 4] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0xDD);
    t[i + 8] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0x88);
    t[i + 12] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0xDD);
  }
  for (int i = 0; i < 4; i++) {
    r[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
    r[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xDD);
    r[i + 4] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0x88);
    r[i + 12] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0xDD);
  }
}

// Stores one pair of sixteen lanes: in a panel of sixteen, or in two of eight that are `panel` numbers apart.
BF16_INLINE void store_pair(const int width, uint16_t *to, __m512i lanes, int64_t pair, int64_t panel) {
  if (width == 16) {
    _mm512_storeu_si512(to + pair * 32, lanes);
  } else {
    _mm256_storeu_si256((__m256i *)(to + pair * 16), _mm512_castsi512_si256(lanes));
    _mm256_storeu_si256((__m256i *)(to + panel + pair * 16), _mm512_extracti64x4_epi64(lanes, 1));
  }
}

// Packs x [lanes, inner], thirty-two numbers of sixteen lanes at a time.
BF16_INLINE void pack_along(const int width, uint16_t *panels, const float *x, int64_t lanes, int64_t inner,
                            int64_t stride) {
  int64_t pairs = (inner + 1) / 2, panel = pairs * 2 * width;
  for (int64_t l = 0; l < lanes; l += 16, panels += pairs * 32)
    for (int64_t k = 0; k < inner; k += 32) {
      __m512i row[16];
      __mmask16 low = first(inner - k), high = first(inner - k - 16);
      for (int i = 0; i < 16; i++) {
        const float *from = x + (l + i) * stride + k;
        row[i] = l + i < lanes ? (__m512i)_mm512_cvtne2ps_pbh(_mm512_maskz_loadu_ps(high, from + 16),
                                                              _mm512_maskz_loadu_ps(low, from))
                               : _mm512_setzero_si512();
      }
      transpose(row);
      int64_t left = pairs - k / 2;
      if (left >= 16) {
        for (int i = 0; i < 16; i++) store_pair(width, panels, row[i], k / 2 + i, panel);
      } else {
        for (int i = 0; i < left; i++) store_pair(width, panels, row[i], k / 2 + i, panel);
      }
    }
}

// Packs x [inner, lanes], 64 lanes at a time, so that four cache lines of a row are read together.
BF16_INLINE void pack_across(const int width, uint16_t *panels, const float *x, int64_t lanes, int64_t inner,
                             int64_t stride) {
  const __m512i weave = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21,
                                         5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  int64_t pairs = (inner + 1) / 2, panel = pairs * 2 * width;
  for (int64_t start = 0; start < lanes; start += 64) {
    int64_t end = start + 64 < lanes ? start + 64 : lanes;
    for (int64_t k = 0; k < inner; k += 2)
      for (int64_t l = start; l < end; l += 16) {
        __mmask16 there = first(lanes - l);
        const float *from = x + k * stride + l;
        __m512 even = _mm512_maskz_loadu_ps(there, from);
        __m512 odd = k + 1 < inner ? _mm512_maskz_loadu_ps(there, from + stride) : _mm512_setzero_ps();
        __m512i both = (__m512i)_mm512_cvtne2ps_pbh(odd, even);
        store_pair(width, panels + l * pairs * 2, _mm512_permutexvar_epi16(weave, both), k / 2, panel);
      }
  }
}

BF16_TARGET void rn_bf16_pack(uint16_t *panels, const float *x, int64_t lanes, int64_t inner, int64_t stride,
                              int32_t is_along, int32_t width) {
  if (is_along) {
    if (width == 16) return pack_along(16, panels, x, lanes, inner, stride);
    return pack_along(8, panels, x, lanes, inner, stride);
  }
  if (width == 16) return pack_across(16, panels, x, lanes, inner, stride);
  return pack_across(8, panels, x, lanes, inner, stride);
}

BF16_TARGET void rn_bf16_pack_weights(uint16_t *panel, const uint16_t *w, int64_t lanes, int64_t inner, int64_t stride) {
  int64_t pairs = (inner + 1) / 2;
  for (int64_t k = 0; k < inner; k += 32) {
    __m512i row[16];
    __mmask32 there = inner - k >= 32 ? 0xFFFFFFFF : (1u << (inner - k)) - 1;
    for (int l = 0; l < 16; l++) {
      const uint16_t *from = w + l * stride + k;
      // Prefetches the rows behind these, most of which are in the next panel.
      __builtin_prefetch(from + 16 * stride, 0, 2);
      row[l] = l < lanes ? _mm512_maskz_loadu_epi16(there, from) : _mm512_setzero_si512();
    }
    transpose(row);
    int64_t left = pairs - k / 2;
    for (int i = 0; i < 16 && i < left; i++) _mm512_storeu_si512(panel + (k / 2 + i) * 32, row[i]);
  }
}

// ---- Multiplying

// Eight rows times `P` panels of columns. The registers hold up to 24 sums, three panel rows and one pair of A.
BF16_INLINE void block(const int P, float *c, const uint16_t *a, const uint16_t *b, int64_t rows, int64_t columns,
                       int64_t pairs, int64_t c_stride, int32_t accumulate) {
  __m512 sum[RN_BF16_ROWS][3];
  for (int r = 0; r < RN_BF16_ROWS; r++)
    for (int p = 0; p < P; p++) sum[r][p] = _mm512_setzero_ps();
  for (int r = 0; r < RN_BF16_ROWS && r < rows; r++)
    for (int p = 0; p < P; p++) __builtin_prefetch(c + r * c_stride + p * RN_BF16_COLUMNS, 1);
#pragma clang loop unroll_count(4)
  for (int64_t k = 0; k < pairs; k++) {
    __m512bh column[3];
    for (int p = 0; p < P; p++) column[p] = (__m512bh)_mm512_loadu_si512(b + (p * pairs + k) * RN_BF16_COLUMNS * 2);
    for (int r = 0; r < RN_BF16_ROWS; r++) {
      int32_t pair;
      memcpy(&pair, a + (k * RN_BF16_ROWS + r) * 2, sizeof pair);
      __m512bh row = (__m512bh)_mm512_set1_epi32(pair);
      for (int p = 0; p < P; p++) sum[r][p] = _mm512_dpbf16_ps(sum[r][p], row, column[p]);
    }
  }
  for (int r = 0; r < RN_BF16_ROWS; r++) {
    if (r >= rows) break;
    for (int p = 0; p < P; p++) {
      float *to = c + r * c_stride + p * RN_BF16_COLUMNS;
      __mmask16 there = first(columns - p * RN_BF16_COLUMNS);
      __m512 total = sum[r][p];
      if (accumulate) total = _mm512_add_ps(_mm512_maskz_loadu_ps(there, to), total);
      _mm512_mask_storeu_ps(to, there, total);
    }
  }
}

BF16_TARGET void rn_bf16_multiply(float *c, const uint16_t *a, const uint16_t *b, int64_t rows, int64_t columns,
                                  int64_t inner, int64_t c_stride, int32_t accumulate) {
  int64_t pairs = (inner + 1) / 2;
  for (int64_t j = 0; j < columns; j += 3 * RN_BF16_COLUMNS)
    for (int64_t i = 0; i < rows; i += RN_BF16_ROWS) {
      float *to = c + i * c_stride + j;
      const uint16_t *row = a + i * pairs * 2, *column = b + j * pairs * 2;
      int64_t left = columns - j;
      if (left > 2 * RN_BF16_COLUMNS)
        block(3, to, row, column, rows - i, left, pairs, c_stride, accumulate);
      else if (left > RN_BF16_COLUMNS)
        block(2, to, row, column, rows - i, left, pairs, c_stride, accumulate);
      else
        block(1, to, row, column, rows - i, left, pairs, c_stride, accumulate);
    }
}

#else

void rn_bf16_pack(uint16_t *panels, const float *x, int64_t lanes, int64_t inner, int64_t stride, int32_t is_along,
                  int32_t width) {
  rn_bf16_pack_portable(panels, x, lanes, inner, stride, is_along, width);
}

void rn_bf16_pack_weights(uint16_t *panel, const uint16_t *w, int64_t lanes, int64_t inner, int64_t stride) {
  rn_bf16_pack_weights_portable(panel, w, lanes, inner, stride);
}

void rn_bf16_multiply(float *c, const uint16_t *a, const uint16_t *b, int64_t rows, int64_t columns, int64_t inner,
                      int64_t c_stride, int32_t accumulate) {
  rn_bf16_multiply_portable(c, a, b, rows, columns, inner, c_stride, accumulate);
}

#endif
