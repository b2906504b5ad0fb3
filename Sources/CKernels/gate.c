// The head norm and the swish gate after retention (docs/MATH.md, eq. 15 and 16).
#include "kernels.h"
#include "lanes.h"

// One head of one row; `norm` is a constant in each inlined copy.
RN_INLINE void forward_row(const int norm, float *z, float *mean, float *rstd, const float *o, const float *g,
                           const float *weight, const float *bias, int64_t width, float eps) {
  float center = 0.0f, inverse = 1.0f, squares;
  if (norm == RN_LAYER_NORM) {
    RN_SUM(center, i, width, o[i]);
    center /= (float)width;
  }
  if (norm != RN_NO_NORM) {
    RN_SUM(squares, i, width, (o[i] - center) * (o[i] - center));
    inverse = 1.0f / rn_sqrt(squares / (float)width + eps);
  }
  *mean = center;
  *rstd = inverse;
  if (bias)
    RN_EACH for (int64_t i = 0; i < width; i++)
      z[i] = (g ? g[i] * rn_sigmoid(g[i]) : 1.0f) * ((o[i] - center) * inverse * (weight ? weight[i] : 1.0f) + bias[i]);
  else if (g && weight)
    RN_EACH for (int64_t i = 0; i < width; i++)
      z[i] = g[i] * rn_sigmoid(g[i]) * ((o[i] - center) * inverse * weight[i]);
  else if (g)
    RN_EACH for (int64_t i = 0; i < width; i++) z[i] = g[i] * rn_sigmoid(g[i]) * ((o[i] - center) * inverse);
  else
    RN_EACH for (int64_t i = 0; i < width; i++) z[i] = (o[i] - center) * inverse * (weight ? weight[i] : 1.0f);
}

RN_KERNEL
void rn_gated_norm_forward(float *z, float *mean, float *rstd, const float *o, const float *g, const float *weight,
                           const float *bias, int64_t rows, int64_t heads, int64_t width, int64_t g_stride,
                           int64_t weight_stride, int32_t norm, float eps) {
  for (int64_t r = 0; r < rows; r++)
    for (int64_t h = 0; h < heads; h++, z += width, o += width, mean++, rstd++) {
      const float *gate = g ? g + r * g_stride + h * width : 0;
      const float *w = weight ? weight + h * weight_stride : 0, *b = bias ? bias + h * weight_stride : 0;
      switch (norm) {
        case RN_RMS_NORM: forward_row(RN_RMS_NORM, z, mean, rstd, o, gate, w, b, width, eps); break;
        case RN_LAYER_NORM: forward_row(RN_LAYER_NORM, z, mean, rstd, o, gate, w, b, width, eps); break;
        default: forward_row(RN_NO_NORM, z, mean, rstd, o, gate, w, b, width, eps); break;
      }
    }
}

RN_INLINE void backward_row(const int norm, float *d_o, float *dg, float *dweight, float *dbias, const float *dz,
                            const float *o, const float *g, const float *weight, const float *bias, float center,
                            float inverse, int64_t width) {
  // First pass: dg, dweight, dbias, and the gradient of the normed value, which d_o holds for the second pass.
  if (bias)
    RN_EACH for (int64_t i = 0; i < width; i++) {
      float normed = (o[i] - center) * inverse, upstream = dz[i], scale = weight ? weight[i] : 1.0f, dy = upstream;
      if (g) {
        float sigmoid = rn_sigmoid(g[i]);
        dy = upstream * g[i] * sigmoid;
        dg[i] = upstream * (normed * scale + bias[i]) * sigmoid * (1.0f + g[i] * (1.0f - sigmoid));
      }
      if (weight && dweight) dweight[i] += dy * normed;
      if (dbias) dbias[i] += dy;
      d_o[i] = dy * scale;
    }
  else if (g && weight && dweight)
    RN_EACH for (int64_t i = 0; i < width; i++) {
      float sigmoid = rn_sigmoid(g[i]), normed = (o[i] - center) * inverse, upstream = dz[i];
      float dy = upstream * g[i] * sigmoid;
      dg[i] = upstream * normed * weight[i] * sigmoid * (1.0f + g[i] * (1.0f - sigmoid));
      dweight[i] += dy * normed;
      d_o[i] = dy * weight[i];
    }
  else
    RN_EACH for (int64_t i = 0; i < width; i++) {
      float normed = (o[i] - center) * inverse, upstream = dz[i], scale = weight ? weight[i] : 1.0f, dy = upstream;
      if (g) {
        float sigmoid = rn_sigmoid(g[i]);
        dy = upstream * g[i] * sigmoid;
        dg[i] = upstream * normed * scale * sigmoid * (1.0f + g[i] * (1.0f - sigmoid));
      }
      if (weight && dweight) dweight[i] += dy * normed;
      d_o[i] = dy * scale;
    }
  if (norm == RN_NO_NORM) return;
  float level = 0.0f, product;
  if (norm == RN_LAYER_NORM) {
    RN_SUM(level, i, width, d_o[i]);
    level /= (float)width;
  }
  RN_SUM(product, i, width, d_o[i] * (o[i] - center));
  float projection = product * inverse * inverse * inverse / (float)width;
  RN_EACH for (int64_t i = 0; i < width; i++)
    d_o[i] = (d_o[i] - level) * inverse - (o[i] - center) * projection;
}

RN_KERNEL
void rn_gated_norm_backward(float *d_o, float *dg, float *dweight, float *dbias, const float *dz, const float *o,
                            const float *g, const float *weight, const float *bias, const float *mean,
                            const float *rstd, int64_t rows, int64_t heads, int64_t width, int64_t g_stride,
                            int64_t dg_stride, int64_t weight_stride, int32_t norm) {
  for (int64_t r = 0; r < rows; r++)
    for (int64_t h = 0; h < heads; h++, d_o += width, dz += width, o += width, mean++, rstd++) {
      const float *gate = g ? g + r * g_stride + h * width : 0;
      float *dgate = g ? dg + r * dg_stride + h * width : 0;
      const float *w = weight ? weight + h * weight_stride : 0;
      const float *b = bias ? bias + h * weight_stride : 0;
      float *dw = dweight ? dweight + h * weight_stride : 0, *db = dbias ? dbias + h * weight_stride : 0;
      switch (norm) {
        case RN_RMS_NORM: backward_row(RN_RMS_NORM, d_o, dgate, dw, db, dz, o, gate, w, b, *mean, *rstd, width); break;
        case RN_LAYER_NORM: backward_row(RN_LAYER_NORM, d_o, dgate, dw, db, dz, o, gate, w, b, *mean, *rstd, width); break;
        default: backward_row(RN_NO_NORM, d_o, dgate, dw, db, dz, o, gate, w, b, *mean, *rstd, width); break;
      }
    }
}
