// LayerNorm (Ba, Kiros & Hinton 2016) and its backward (docs/MATH.md, eq. 26); sums over rows for biases.
#include "kernels.h"
#include "lanes.h"

RN_KERNEL
void rn_layer_norm_forward(float *y, float *mean, float *rstd, const float *x, const float *weight, const float *bias,
                           int64_t rows, int64_t width, float eps) {
  for (int64_t r = 0; r < rows; r++, x += width, y += width) {
    float sum, squares;
    RN_SUM(sum, i, width, x[i]);
    float center = sum / (float)width;
    RN_SUM(squares, i, width, (x[i] - center) * (x[i] - center));
    float inverse = 1.0f / rn_sqrt(squares / (float)width + eps);
    mean[r] = center;
    rstd[r] = inverse;
    RN_EACH for (int64_t i = 0; i < width; i++)
      y[i] = (x[i] - center) * inverse * (weight ? weight[i] : 1.0f) + (bias ? bias[i] : 0.0f);
  }
}

RN_KERNEL
void rn_layer_norm_backward(float *dx, float *dweight, float *dbias, const float *addend, const float *dy,
                            const float *x, const float *weight, const float *mean, const float *rstd, int64_t rows,
                            int64_t width) {
  for (int64_t r = 0; r < rows; r++, x += width, dy += width, dx += width) {
    float center = mean[r], inverse = rstd[r], sum, product;
    RN_SUM(sum, i, width, dy[i] * (weight ? weight[i] : 1.0f));
    RN_SUM(product, i, width, dy[i] * (weight ? weight[i] : 1.0f) * (x[i] - center));
    float level = sum / (float)width, projection = product * inverse * inverse / (float)width;
    if (dweight) RN_EACH for (int64_t i = 0; i < width; i++) dweight[i] += dy[i] * (x[i] - center) * inverse;
    if (dbias) RN_EACH for (int64_t i = 0; i < width; i++) dbias[i] += dy[i];
    const float *before = addend ? addend + r * width : 0;
    RN_EACH for (int64_t i = 0; i < width; i++)
      dx[i] = (before ? before[i] : 0.0f) +
              inverse * (dy[i] * (weight ? weight[i] : 1.0f) - level - (x[i] - center) * projection);
  }
}

RN_KERNEL
void rn_add_bias(float *y, const float *bias, int64_t rows, int64_t width, int64_t stride) {
  for (int64_t r = 0; r < rows; r++, y += stride)
    RN_EACH for (int64_t i = 0; i < width; i++) y[i] += bias[i];
}

RN_KERNEL
void rn_sum_rows(float *y, const float *x, int64_t rows, int64_t width, int64_t stride) {
  for (int64_t r = 0; r < rows; r++, x += stride)
    RN_EACH for (int64_t i = 0; i < width; i++) y[i] += x[i];
}
