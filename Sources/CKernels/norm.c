// RMSNorm (Zhang & Sennrich 2019) and its backward (docs/MATH.md, eq. 13 and 14).
#include "kernels.h"
#include "lanes.h"

RN_KERNEL
void rn_rms_norm_forward(float *y, float *rstd, const float *x, const float *weight, int64_t rows, int64_t width,
                         float eps) {
  for (int64_t r = 0; r < rows; r++, x += width, y += width) {
    float squares;
    RN_SUM(squares, i, width, x[i] * x[i]);
    float inverse = 1.0f / rn_sqrt(squares / (float)width + eps);
    rstd[r] = inverse;
    if (weight)
      RN_EACH for (int64_t i = 0; i < width; i++) y[i] = x[i] * inverse * weight[i];
    else
      RN_EACH for (int64_t i = 0; i < width; i++) y[i] = x[i] * inverse;
  }
}

RN_KERNEL
void rn_rms_norm_backward(float *dx, float *dweight, const float *addend, const float *dy, const float *x,
                          const float *weight, const float *rstd, int64_t rows, int64_t width) {
  for (int64_t r = 0; r < rows; r++, x += width, dy += width, dx += width) {
    float inverse = rstd[r], product;
    if (weight)
      RN_SUM(product, i, width, dy[i] * weight[i] * x[i]);
    else
      RN_SUM(product, i, width, dy[i] * x[i]);
    float projection = product * inverse * inverse * inverse / (float)width;
    if (dweight) RN_EACH for (int64_t i = 0; i < width; i++) dweight[i] += dy[i] * x[i] * inverse;
    const float *before = addend ? addend + r * width : 0;
    if (weight && before)
      RN_EACH for (int64_t i = 0; i < width; i++)
        dx[i] = before[i] + (dy[i] * weight[i] * inverse - x[i] * projection);
    else
      RN_EACH for (int64_t i = 0; i < width; i++)
        dx[i] = (before ? before[i] : 0.0f) + (dy[i] * (weight ? weight[i] : 1.0f) * inverse - x[i] * projection);
  }
}
