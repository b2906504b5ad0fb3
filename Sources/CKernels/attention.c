// The row kernels of softmax attention: one tile of scores forward and backward, and one query over all keys.
#include <math.h>

#include "kernels.h"
#include "lanes.h"

// The visible columns of a row of a tile: from `first` to `last`, both as numbers of keys, clamped to the tile.
RN_INLINE void visible(int64_t *begin, int64_t *end, int64_t first, int64_t last, int64_t column_offset,
                       int64_t columns) {
  int64_t b = first - column_offset, e = last + 1 - column_offset;
  b = b < 0 ? 0 : (b > columns ? columns : b);
  e = e < b ? b : (e > columns ? columns : e);
  *begin = b;
  *end = e;
}

RN_KERNEL
void rn_attention_tile(float *s, float *o, float *most, float *total, const int32_t *first, int64_t rows,
                       int64_t columns, int64_t stride, int64_t row_offset, int64_t column_offset, int64_t width,
                       int64_t o_stride) {
  for (int64_t j = 0; j < rows; j++, s += stride, o += o_stride) {
    int64_t begin, end;
    visible(&begin, &end, first[j], row_offset + j, column_offset, columns);
    for (int64_t i = 0; i < begin; i++) s[i] = 0.0f;
    for (int64_t i = end; i < columns; i++) s[i] = 0.0f;
    if (begin == end) continue;
    float *row = s + begin;
    int64_t count = end - begin;
    float top = rn_maximum(row, count), sum;
    top = top > most[j] ? top : most[j];
    float keep = rn_exp(most[j] - top);  // 0 before the first visible tile, where most is -∞
    RN_EACH for (int64_t i = 0; i < count; i++) row[i] = rn_exp(row[i] - top);
    RN_SUM(sum, i, count, row[i]);
    total[j] = total[j] * keep + sum;
    most[j] = top;
    if (keep != 1.0f) RN_EACH for (int64_t i = 0; i < width; i++) o[i] *= keep;
  }
}

RN_KERNEL
void rn_attention_finish(float *o, float *log_sums, const float *most, const float *total, int64_t rows, int64_t width,
                         int64_t o_stride, int64_t sum_stride) {
  for (int64_t j = 0; j < rows; j++, o += o_stride) {
    float factor = 1.0f / total[j];
    RN_EACH for (int64_t i = 0; i < width; i++) o[i] *= factor;
    log_sums[j * sum_stride] = most[j] + logf(total[j]);
  }
}

RN_KERNEL
void rn_attention_tile_backward(float *s, float *ds, const float *log_sums, const float *dots, const int32_t *first,
                                int64_t rows, int64_t columns, int64_t stride, int64_t row_offset,
                                int64_t column_offset, int64_t sum_stride) {
  for (int64_t j = 0; j < rows; j++, s += stride, ds += stride) {
    int64_t begin, end;
    visible(&begin, &end, first[j], row_offset + j, column_offset, columns);
    for (int64_t i = 0; i < begin; i++) s[i] = ds[i] = 0.0f;
    for (int64_t i = end; i < columns; i++) s[i] = ds[i] = 0.0f;
    float log_sum = log_sums[j * sum_stride], dot = dots[j * sum_stride];
    RN_EACH for (int64_t i = begin; i < end; i++) {
      float p = rn_exp(s[i] - log_sum);
      s[i] = p;
      ds[i] = p * (ds[i] - dot);
    }
  }
}

RN_KERNEL
void rn_head_dots(float *dots, const float *x, const float *y, int64_t rows, int64_t heads, int64_t width) {
  for (int64_t j = 0; j < rows * heads; j++, x += width, y += width) RN_SUM(dots[j], i, width, x[i] * y[i]);
}

// ---- Queries over a cache

// Keys that are scored before their values are read. While the processor scores them it fetches their values, and while
// it adds these the keys of the next block. Without that it waits for memory: 36 ns for a key and a value of 128
// bfloat16 numbers, and 15 ns with it (Zen 5; from the second-level cache 8 ns). Blocks of 64 take 16 ns.
enum { BLOCK = 32 };
// Keys that are read together: four sums do not wait for each other.
enum { TOGETHER = 4 };
// Query heads that go over a block together, so that it is read from memory once.
enum { QUERIES = 8 };
enum { CACHE_LINE = 64 };

// A cache has numbers in Float32 or, if it is halved, in bfloat16. `halved` is a constant wherever these are inlined.
RN_INLINE float number(const void *x, int64_t i, const int halved) {
  return halved ? rn_float((uint32_t)((const uint16_t *)x)[i] << 16) : ((const float *)x)[i];
}

RN_INLINE const void *row(const void *x, int64_t i, int64_t width, const int halved) {
  return (const char *)x + i * width * (halved ? 2 : 4);
}

// Not unrolled: prefetches in a row stall, 19 ns for a key and a value against 15.
RN_INLINE void fetch(const void *x, int64_t count, const int halved) {
  _Pragma("clang loop unroll(disable)")
  for (int64_t i = 0; i < count * (halved ? 2 : 4); i += CACHE_LINE) __builtin_prefetch((const char *)x + i, 0, 3);
}

// score[k] = query · key k of a constant number of keys, each summed as RN_SUM does.
RN_INLINE void score_keys(float *score, const float *query, const void *keys, const int count, int64_t width,
                          const int halved) {
  float lane[TOGETHER][RN_LANES] = {{0}};
  int64_t whole = width / RN_LANES * RN_LANES;
  for (int64_t b = 0; b < whole; b += RN_LANES)
    for (int k = 0; k < count; k++)
      RN_EACH for (int64_t l = 0; l < RN_LANES; l++)
        lane[k][l] += query[b + l] * number(keys, k * width + b + l, halved);
  for (int k = 0; k < count; k++) {
    for (int64_t i = whole; i < width; i++) lane[k][i - whole] += query[i] * number(keys, k * width + i, halved);
    score[k] = rn_sum_lanes(lane[k]);
  }
}

// o += Σ score[k] value k of a constant number of values, one after the other, as if each were added alone.
RN_INLINE void add_values(float *o, const float *score, const void *values, const int count, int64_t width,
                          const int halved) {
  RN_EACH for (int64_t i = 0; i < width; i++) {
    float sum = o[i];
    for (int k = 0; k < count; k++) sum += score[k] * number(values, k * width + i, halved);
    o[i] = sum;
  }
}

// A query's largest score so far, and Σ e^(score - largest).
typedef struct {
  float most, total;
} softmax_state;

// One block of keys for one query. `is_first`: nothing of the block has been read yet, so it is fetched.
RN_INLINE void attend_block(float *o, softmax_state *state, const float *query, const void *keys, const void *values,
                            int64_t count, int64_t width, const int is_first, const int halved) {
  float score[BLOCK], sum;
  int64_t k = 0;
  for (; k + TOGETHER <= count; k += TOGETHER) {
    if (is_first) fetch(row(values, k, width, halved), TOGETHER * width, halved);
    score_keys(score + k, query, row(keys, k, width, halved), TOGETHER, width, halved);
  }
  for (; k < count; k++) score_keys(score + k, query, row(keys, k, width, halved), 1, width, halved);

  float top = rn_maximum(score, count);
  top = top > state->most ? top : state->most;
  float keep = rn_exp(state->most - top);  // 0 at the first block, where most is -∞
  if (keep != 1.0f) RN_EACH for (int64_t i = 0; i < width; i++) o[i] *= keep;
  RN_EACH for (int64_t i = 0; i < count; i++) score[i] = rn_exp(score[i] - top);
  RN_SUM(sum, i, count, score[i]);
  *state = (softmax_state){top, state->total * keep + sum};

  for (k = 0; k + TOGETHER <= count; k += TOGETHER) {
    if (is_first) fetch(row(keys, count + k, width, halved), TOGETHER * width, halved);
    add_values(o, score + k, row(values, k, width, halved), TOGETHER, width, halved);
  }
  for (; k < count; k++) add_values(o, score + k, row(values, k, width, halved), 1, width, halved);
}

// At most QUERIES queries. A block ends at a multiple of BLOCK, so its borders do not depend on `first`.
RN_INLINE void attend(float *o, const float *q, const void *keys, const void *values, int64_t first, int64_t count,
                      int64_t queries, int64_t width, const int halved) {
  softmax_state state[QUERIES];
  for (int64_t g = 0; g < queries; g++) state[g] = (softmax_state){-INFINITY, 0.0f};
  for (int64_t i = 0; i < queries * width; i++) o[i] = 0.0f;
  for (int64_t begin = first; begin < count;) {
    int64_t border = begin / BLOCK * BLOCK + BLOCK, end = border < count ? border : count;
    const void *key = row(keys, begin, width, halved), *value = row(values, begin, width, halved);
    attend_block(o, state, q, key, value, end - begin, width, 1, halved);
    for (int64_t g = 1; g < queries; g++)
      attend_block(o + g * width, state + g, q + g * width, key, value, end - begin, width, 0, halved);
    begin = end;
  }
  for (int64_t g = 0; g < queries; g++, o += width) {
    float factor = 1.0f / state[g].total;
    for (int64_t i = 0; i < width; i++) o[i] *= factor;
  }
}

RN_INLINE void attend_all(float *o, const float *q, const void *keys, const void *values, int64_t first, int64_t count,
                          int64_t queries, int64_t width, const int halved) {
  for (int64_t g = 0; g < queries; g += QUERIES) {
    int64_t together = queries - g < QUERIES ? queries - g : QUERIES;
    attend(o + g * width, q + g * width, keys, values, first, count, together, width, halved);
  }
}

RN_KERNEL
void rn_attend(float *o, const float *q, const float *keys, const float *values, int64_t first, int64_t count,
               int64_t queries, int64_t width) {
  attend_all(o, q, keys, values, first, count, queries, width, 0);
}

RN_KERNEL
void rn_attend_bf16(float *o, const float *q, const uint16_t *keys, const uint16_t *values, int64_t first,
                    int64_t count, int64_t queries, int64_t width) {
  attend_all(o, q, keys, values, first, count, queries, width, 1);
}
