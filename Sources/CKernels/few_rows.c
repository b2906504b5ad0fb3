// y = x wᵀ for 1 … 16 rows of x: decoding. Bound by reading w, so each row of w is read from memory once.
#include "kernels.h"
#include "lanes.h"

typedef float vfloat __attribute__((vector_size(64), aligned(4)));  // sixteen lanes, at any address

// `R` rows times `O` outputs. Every output is one sum over sixteen lanes in index order, whatever R and O are.
RN_INLINE void block(const int R, const int O, float *y, const float *x, const float *w, int64_t inputs,
                     int64_t y_stride, int64_t x_stride, int32_t accumulate) {
  vfloat sum[4][4];
  for (int r = 0; r < R; r++)
    for (int o = 0; o < O; o++) sum[r][o] = (vfloat){0};
  int64_t i = 0;
  for (; i + RN_LANES <= inputs; i += RN_LANES)
    for (int o = 0; o < O; o++) {
      vfloat weights = *(const vfloat *)(w + o * inputs + i);
      for (int r = 0; r < R; r++) sum[r][o] += *(const vfloat *)(x + r * x_stride + i) * weights;
    }
  for (int64_t l = 0; i + l < inputs; l++)
    for (int o = 0; o < O; o++)
      for (int r = 0; r < R; r++) sum[r][o][l] += x[r * x_stride + i + l] * w[o * inputs + i + l];
  for (int r = 0; r < R; r++)
    for (int o = 0; o < O; o++) {
      float lane[RN_LANES];
      memcpy(lane, &sum[r][o], sizeof lane);
      float total = rn_sum_lanes(lane);
      float *to = y + r * y_stride + o;
      *to = accumulate ? *to + total : total;
    }
}

RN_INLINE void outputs_of(const int O, float *y, const float *x, const float *w, int64_t rows, int64_t inputs,
                          int64_t y_stride, int64_t x_stride, int32_t accumulate) {
  int64_t r = 0;
  for (; r + 4 <= rows; r += 4)
    block(4, O, y + r * y_stride, x + r * x_stride, w, inputs, y_stride, x_stride, accumulate);
  for (; r < rows; r++) block(1, O, y + r * y_stride, x + r * x_stride, w, inputs, y_stride, x_stride, accumulate);
}

RN_KERNEL
void rn_few_rows_product(float *y, const float *x, const float *w, int64_t rows, int64_t outputs, int64_t inputs,
                         int64_t y_stride, int64_t x_stride, int32_t accumulate) {
  int64_t o = 0;
  for (; o + 4 <= outputs; o += 4)
    outputs_of(4, y + o, x, w + o * inputs, rows, inputs, y_stride, x_stride, accumulate);
  for (; o < outputs; o++)
    outputs_of(1, y + o, x, w + o * inputs, rows, inputs, y_stride, x_stride, accumulate);
}
