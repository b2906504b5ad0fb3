// The row kernels of linear attention: the feature map elu(x) + 1, a column of ones, and the division by its sums.
#include "kernels.h"
#include "lanes.h"

RN_KERNEL
void rn_elu_features(float *y, const float *x, int64_t rows, int64_t width, int64_t y_stride, int64_t x_stride) {
  for (int64_t r = 0; r < rows; r++, y += y_stride, x += x_stride)
    RN_EACH for (int64_t i = 0; i < width; i++) y[i] = x[i] > 0.0f ? x[i] + 1.0f : rn_exp(x[i]);
}

RN_KERNEL
void rn_elu_features_backward(float *dx, const float *dy, const float *y, int64_t rows, int64_t width,
                              int64_t dx_stride, int64_t y_stride) {
  // Below 0 the slope e^x is the feature itself; above it is 1, and the feature is larger than 1.
  for (int64_t r = 0; r < rows; r++, dx += dx_stride, dy += y_stride, y += y_stride)
    RN_EACH for (int64_t i = 0; i < width; i++) dx[i] = dy[i] * (y[i] < 1.0f ? y[i] : 1.0f);
}

RN_KERNEL
void rn_append_ones(float *y, const float *x, int64_t rows, int64_t heads, int64_t width, int64_t x_stride) {
  for (int64_t r = 0; r < rows; r++, x += x_stride)
    for (int64_t h = 0; h < heads; h++, y += width + 1) {
      for (int64_t i = 0; i < width; i++) y[i] = x[h * width + i];
      y[width] = 1.0f;
    }
}

RN_KERNEL
void rn_remove_ones(float *y, const float *x, int64_t rows, int64_t heads, int64_t width, int64_t y_stride) {
  for (int64_t r = 0; r < rows; r++, y += y_stride)
    for (int64_t h = 0; h < heads; h++, x += width + 1)
      for (int64_t i = 0; i < width; i++) y[h * width + i] = x[i];
}

RN_KERNEL
void rn_divide_by_sums(float *o, const float *sums, int64_t rows, int64_t width, float epsilon) {
  for (int64_t r = 0; r < rows; r++, o += width, sums += width + 1) {
    float factor = 1.0f / (sums[width] + epsilon);
    RN_EACH for (int64_t i = 0; i < width; i++) o[i] = sums[i] * factor;
  }
}

RN_KERNEL
void rn_divide_by_sums_backward(float *dsums, const float *d_o, const float *o, const float *sums, int64_t rows,
                                int64_t width, float epsilon) {
  for (int64_t r = 0; r < rows; r++, d_o += width, o += width, sums += width + 1, dsums += width + 1) {
    float factor = 1.0f / (sums[width] + epsilon), dot;
    RN_SUM(dot, i, width, d_o[i] * o[i]);
    RN_EACH for (int64_t i = 0; i < width; i++) dsums[i] = d_o[i] * factor;
    dsums[width] = -dot * factor;
  }
}
