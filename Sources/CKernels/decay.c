// The row kernels of retention: decayed causal mask, row factors, one recurrent step.
#include "kernels.h"
#include "lanes.h"

RN_KERNEL
void rn_decay_mask(float *s, const float *powers_descending, const int32_t *first, int64_t power_count, int64_t rows,
                   int64_t columns, int64_t stride, int64_t row_offset, int64_t column_offset) {
  for (int64_t j = 0; j < rows; j++) {
    float *row = s + j * stride;
    int64_t begin = first ? first[j] - column_offset : 0;
    begin = begin < 0 ? 0 : (begin < columns ? begin : columns);
    int64_t end = row_offset + j + 1 < columns ? row_offset + j + 1 : columns;
    if (end < begin) end = begin;
    // γ^(row_offset + j - i) is at index count - 1 - (row_offset + j) + i, which rises with i.
    const float *powers = powers_descending + (power_count - 1 - (row_offset + j));
    for (int64_t i = 0; i < begin; i++) row[i] = 0.0f;
    RN_EACH for (int64_t i = begin; i < end; i++) row[i] *= powers[i];
    for (int64_t i = end; i < columns; i++) row[i] = 0.0f;
  }
}

RN_KERNEL
void rn_absolute_row_sums(float *y, const float *s, int64_t rows, int64_t columns, int64_t stride) {
  for (int64_t j = 0; j < rows; j++, s += stride) RN_SUM(y[j], i, columns, s[i] < 0.0f ? -s[i] : s[i]);
}

RN_KERNEL
void rn_scale_rows(float *y, const float *x, const float *factor, int64_t rows, int64_t width, int64_t y_stride,
                   int64_t x_stride, int32_t accumulate) {
  for (int64_t j = 0; j < rows; j++, y += y_stride, x += x_stride) {
    float f = factor[j];
    if (accumulate)
      RN_EACH for (int64_t i = 0; i < width; i++) y[i] += f * x[i];
    else
      RN_EACH for (int64_t i = 0; i < width; i++) y[i] = f * x[i];
  }
}

RN_KERNEL
void rn_retain_step(float *o, float *state, const float *q, const float *k, const float *v, int64_t key_width,
                    int64_t value_width, float keep, float key_scale, float query_scale) {
  for (int64_t e = 0; e < value_width; e++) o[e] = 0.0f;
  for (int64_t d = 0; d < key_width; d++, state += value_width) {
    float key = k[d] * key_scale, query = q[d] * query_scale;
    RN_EACH for (int64_t e = 0; e < value_width; e++) {
      float s = keep * state[e] + key * v[e];
      state[e] = s;
      o[e] += query * s;
    }
  }
}
