// The product of quantised weights in 256 bits, for one instruction set. It is included once per set, because a set is
// an attribute of a function and of everything that it inlines. The macros that it expects:
//   TARGET      the attribute
//   NAMED(x)    x with the set's name
//   DOT         sum + Σ over each four bytes of u · s, where u is unsigned
#define INLINE TARGET static inline __attribute__((always_inline))

// Adds half a group, 32 bytes of weights, to its eight lanes of `sum`: one block of q8_0, two of q4_0.
INLINE __m256 NAMED(half)(const int is_q4, __m256 sum, const uint8_t *w, const int8_t *q, const int32_t *sums,
                          const float *scale) {
  __m256i dot, weights = _mm256_loadu_si256((const __m256i *)w);
  __m256 factor;
  if (is_q4) {
    const __m256i low_half = _mm256_set1_epi8(15);
    dot = _mm256_loadu_si256((const __m256i *)sums);
    dot = DOT(dot, _mm256_and_si256(weights, low_half), _mm256_loadu_si256((const __m256i *)q));
    dot = DOT(dot, _mm256_and_si256(_mm256_srli_epi16(weights, 4), low_half),
              _mm256_loadu_si256((const __m256i *)(q + 64)));
    factor = _mm256_set_m128(_mm_broadcast_ss(scale + 1), _mm_broadcast_ss(scale));
  } else {
    __m256i row = _mm256_loadu_si256((const __m256i *)q);
    dot = DOT(_mm256_setzero_si256(), _mm256_abs_epi8(weights), _mm256_sign_epi8(row, weights));
    factor = _mm256_broadcast_ss(scale);
  }
  return _mm256_add_ps(sum, _mm256_mul_ps(_mm256_cvtepi32_ps(dot), factor));
}

// Adds a piece of eight blocks, from block `first` of the row on.
INLINE void NAMED(piece)(const int is_q4, __m256 sum[2], const PreparedRow x, const uint8_t *w, const uint16_t *scales,
                         int64_t first) {
  float scale[EIGHT];
  _mm256_storeu_ps(scale, _mm256_mul_ps(_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)scales)),
                                        _mm256_loadu_ps(x.scales + first)));
  const int blocks = is_q4 ? 2 : 1;
#pragma clang loop unroll(full)
  for (int h = 0; h < EIGHT / blocks; h++) {
    int64_t group = first / (2 * blocks) + h / 2;
    const int8_t *q = x.q + group * (is_q4 ? 128 : 64) + h % 2 * 32;
    sum[h % 2] = NAMED(half)(is_q4, sum[h % 2], w + h * 32, q, x.sums + group * RN_LANES + h % 2 * 8,
                             scale + h * blocks);
  }
}

INLINE float NAMED(output)(const int is_q4, const PreparedRow x, const uint8_t *w, const uint16_t *scales,
                           int64_t blocks) {
  const int64_t bytes = is_q4 ? RN_BLOCK / 2 : RN_BLOCK;
  __m256 sum[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
  int64_t first = 0;
  for (; first + EIGHT <= blocks; first += EIGHT)
    NAMED(piece)(is_q4, sum, x, w + first * bytes, scales + first, first);
  if (first < blocks) {
    // The last piece is padded with zeros: the added scales are zero, and so is the row there.
    uint8_t rest[EIGHT * RN_BLOCK] = {0};
    uint16_t rest_scales[EIGHT] = {0};
    memcpy(rest, w + first * bytes, (size_t)((blocks - first) * bytes));
    memcpy(rest_scales, scales + first, (size_t)(blocks - first) * sizeof *scales);
    NAMED(piece)(is_q4, sum, x, rest, rest_scales, first);
  }
  __m256 eight = _mm256_add_ps(sum[0], sum[1]);
  __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

TARGET RN_QUANTIZED_ROWS(NAMED(rn_quantized_rows)) {
  int64_t blocks = inputs / RN_BLOCK, bytes = is_q4 ? inputs / 2 : inputs;
  for (int64_t o = 0; o < outputs; o++)
    for (int64_t r = 0; r < rows; r++) {
      PreparedRow row = prepared_row(x, r, inputs, is_q4);
      const uint8_t *weights = (const uint8_t *)w + o * bytes;
      float total = is_q4 ? NAMED(output)(1, row, weights, scales + o * blocks, blocks)
                          : NAMED(output)(0, row, weights, scales + o * blocks, blocks);
      float *to = y + r * y_stride + o;
      *to = accumulate ? *to + total : total;
    }
}

#undef INLINE
