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

// Keys that are scored before their values are read: their scores stay in the first-level cache.
enum { BLOCK = 64 };
// Keys that are read together: four sums do not wait for each other.
enum { TOGETHER = 4 };

RN_INLINE float number(const float *x, int64_t i) { return x[i]; }
RN_INLINE float widened(const uint16_t *x, int64_t i) { return rn_float((uint32_t)x[i] << 16); }

// score[0 ..< count] = query · key of some keys, each summed as RN_SUM does; `load` reads a number of a key.
#define RN_SCORE(count, load)                                                                              \
  do {                                                                                                     \
    float lane[TOGETHER][RN_LANES] = {{0}};                                                                \
    int64_t whole = width / RN_LANES * RN_LANES;                                                           \
    for (int64_t b = 0; b < whole; b += RN_LANES)                                                          \
      for (int k = 0; k < (count); k++)                                                                    \
        RN_EACH for (int64_t l = 0; l < RN_LANES; l++) lane[k][l] += query[b + l] * load(key + k * width, b + l); \
    for (int k = 0; k < (count); k++) {                                                                    \
      for (int64_t i = whole; i < width; i++) lane[k][i - whole] += query[i] * load(key + k * width, i);   \
      score[n + k - begin] = rn_sum_lanes(lane[k]);                                                        \
    }                                                                                                      \
  } while (0)

// One block of keys for one query.
#define RN_ATTEND_BLOCK(type, load)                                                                    \
  do {                                                                                                 \
    float score[BLOCK], sum = 0.0f;                                                                    \
    int64_t n = begin;                                                                                 \
    const type *key = keys + n * width, *value = values + n * width;                                   \
    for (; n + TOGETHER <= end; n += TOGETHER, key += TOGETHER * width) RN_SCORE(TOGETHER, load);      \
    for (; n < end; n++, key += width) RN_SCORE(1, load);                                              \
    float top = rn_maximum(score, end - begin);                                                           \
    top = top > most ? top : most;                                                                     \
    float keep = rn_exp(most - top);                                                                   \
    if (keep != 1.0f) RN_EACH for (int64_t i = 0; i < width; i++) output[i] *= keep;                   \
    RN_EACH for (int64_t k = 0; k < end - begin; k++) score[k] = rn_exp(score[k] - top);               \
    RN_SUM(sum, k, end - begin, score[k]);                                                             \
    /* Added one after the other, so that the sums are those of single keys. */                        \
    for (n = 0; n + TOGETHER <= end - begin; n += TOGETHER, value += TOGETHER * width)                 \
      RN_EACH for (int64_t i = 0; i < width; i++) {                                                    \
        float o = output[i];                                                                           \
        for (int k = 0; k < TOGETHER; k++) o += score[n + k] * load(value + k * width, i);             \
        output[i] = o;                                                                                 \
      }                                                                                                \
    for (; n < end - begin; n++, value += width)                                                       \
      RN_EACH for (int64_t i = 0; i < width; i++) output[i] += score[n] * load(value, i);              \
    total = total * keep + sum;                                                                        \
    most = top;                                                                                        \
  } while (0)

#define RN_ATTEND(name, type, load)                                                                         \
  RN_KERNEL                                                                                                 \
  void name(float *o, const float *q, const type *keys, const type *values, int64_t first, int64_t count,   \
            int64_t queries, int64_t width) {                                                               \
    for (int64_t g = 0; g < queries; g++) {                                                                 \
      const float *query = q + g * width;                                                                   \
      float *output = o + g * width, most = -INFINITY, total = 0.0f;                                        \
      for (int64_t i = 0; i < width; i++) output[i] = 0.0f;                                                 \
      for (int64_t start = first / BLOCK * BLOCK; start < count; start += BLOCK) {                          \
        int64_t begin = start < first ? first : start, end = start + BLOCK < count ? start + BLOCK : count; \
        RN_ATTEND_BLOCK(type, load);                                                                        \
      }                                                                                                     \
      float factor = 1.0f / total;                                                                          \
      for (int64_t i = 0; i < width; i++) output[i] *= factor;                                              \
    }                                                                                                       \
  }

RN_ATTEND(rn_attend, float, number)
RN_ATTEND(rn_attend_bf16, uint16_t, widened)
