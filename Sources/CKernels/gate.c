// The two gates of a block: silu(g) ⊙ headNorm(o) after retention, silu(a) ⊙ b in the feed-forward part
// (docs/MATH.md, eq. 15 to 18).
#include "kernels.h"
#include "lanes.h"

RN_KERNEL
void rn_gated_norm_forward(float *z, float *rstd, const float *o, const float *g, const float *weight, int64_t rows,
                           int64_t heads, int64_t width, int64_t g_stride, float eps) {
  for (int64_t r = 0; r < rows; r++) {
    const float *gate = g + r * g_stride;
    for (int64_t h = 0; h < heads; h++, z += width, o += width, gate += width) {
      float squares;
      RN_SUM(squares, i, width, o[i] * o[i]);
      float inverse = 1.0f / rn_sqrt(squares / (float)width + eps);
      rstd[r * heads + h] = inverse;
      if (weight)
        RN_EACH for (int64_t i = 0; i < width; i++) z[i] = gate[i] * rn_sigmoid(gate[i]) * (o[i] * inverse * weight[i]);
      else
        RN_EACH for (int64_t i = 0; i < width; i++) z[i] = gate[i] * rn_sigmoid(gate[i]) * (o[i] * inverse);
    }
  }
}

// One head of one row. A weight of NULL is handled by the caller's constant, so that the loops stay plain.
RN_INLINE void gated_norm_backward_row(float *d_o, float *dg, float *dweight, const float *dz, const float *o,
                                       const float *g, const float *weight, float inverse, int64_t width) {
  // First pass: dg, dweight, and the gradient of the normed value, kept in d_o for the second.
  RN_EACH for (int64_t i = 0; i < width; i++) {
    float sigmoid = rn_sigmoid(g[i]), normed = o[i] * inverse, upstream = dz[i];
    float scale = weight ? weight[i] : 1.0f;
    float dy = upstream * g[i] * sigmoid;
    dg[i] = upstream * normed * scale * sigmoid * (1.0f + g[i] * (1.0f - sigmoid));
    if (dweight) dweight[i] += dy * normed;
    d_o[i] = dy * scale;
  }
  float product;
  RN_SUM(product, i, width, d_o[i] * o[i]);
  float projection = product * inverse * inverse * inverse / (float)width;
  RN_EACH for (int64_t i = 0; i < width; i++) d_o[i] = d_o[i] * inverse - o[i] * projection;
}

RN_KERNEL
void rn_gated_norm_backward(float *d_o, float *dg, float *dweight, const float *dz, const float *o, const float *g,
                            const float *weight, const float *rstd, int64_t rows, int64_t heads, int64_t width,
                            int64_t g_stride, int64_t dg_stride) {
  for (int64_t r = 0; r < rows; r++) {
    for (int64_t h = 0; h < heads; h++) {
      int64_t at = (r * heads + h) * width, g_at = r * g_stride + h * width, dg_at = r * dg_stride + h * width;
      float inverse = rstd[r * heads + h];
      if (weight && dweight)
        gated_norm_backward_row(d_o + at, dg + dg_at, dweight, dz + at, o + at, g + g_at, weight, inverse, width);
      else if (weight)
        gated_norm_backward_row(d_o + at, dg + dg_at, 0, dz + at, o + at, g + g_at, weight, inverse, width);
      else
        gated_norm_backward_row(d_o + at, dg + dg_at, 0, dz + at, o + at, g + g_at, 0, inverse, width);
    }
  }
}

RN_KERNEL
void rn_swiglu_forward(float *h, const float *ab, int64_t rows, int64_t width) {
  for (int64_t r = 0; r < rows; r++, h += width, ab += 2 * width)
    RN_EACH for (int64_t i = 0; i < width; i++) h[i] = ab[i] * rn_sigmoid(ab[i]) * ab[width + i];
}

RN_KERNEL
void rn_swiglu_backward(float *dab, const float *dh, const float *ab, int64_t rows, int64_t width) {
  for (int64_t r = 0; r < rows; r++, dh += width, ab += 2 * width, dab += 2 * width)
    RN_EACH for (int64_t i = 0; i < width; i++) {
      float a = ab[i], b = ab[width + i], upstream = dh[i], sigmoid = rn_sigmoid(a);
      dab[i] = upstream * b * sigmoid * (1.0f + a * (1.0f - sigmoid));
      dab[width + i] = upstream * a * sigmoid;
    }
}
