// Softmax cross entropy of each row of logits, with or without its gradient (docs/MATH.md, eq. 20), and the soft cap of
// logits (eq. 40).
#include <math.h>

#include "kernels.h"
#include "lanes.h"

// Whether a row has no target; its loss and gradient are then 0.
RN_INLINE int is_unscored(int32_t target, float *logits, float *loss, int64_t width) {
  if (target >= 0) return 0;
  *loss = 0.0f;
  memset(logits, 0, (size_t)width * sizeof(float));
  return 1;
}

RN_KERNEL
void rn_cross_entropy(float *logits, float *losses, const int32_t *targets, int64_t rows, int64_t width, float scale) {
  for (int64_t r = 0; r < rows; r++, logits += width) {
    if (is_unscored(targets[r], logits, losses + r, width)) continue;
    float most = rn_maximum(logits, width), target = logits[targets[r]], total;
    RN_EACH for (int64_t i = 0; i < width; i++) logits[i] = rn_exp(logits[i] - most);
    RN_SUM(total, i, width, logits[i]);
    losses[r] = logf(total) - (target - most);
    float factor = scale / total;
    RN_EACH for (int64_t i = 0; i < width; i++) logits[i] *= factor;
    logits[targets[r]] -= scale;
  }
}

RN_KERNEL
void rn_cross_entropy_capped(float *logits, float *losses, const int32_t *targets, int64_t rows, int64_t width,
                             float scale, float cap) {
  float inverse = 1.0f / cap;
  for (int64_t r = 0; r < rows; r++, logits += width) {
    if (is_unscored(targets[r], logits, losses + r, width)) continue;
    // The exponentials are computed twice: the slope of the cap needs the logits, which have no other memory.
    float most = rn_maximum(logits, width), target = logits[targets[r]], total;
    RN_SUM(total, i, width, rn_exp(logits[i] - most));
    losses[r] = logf(total) - (target - most);
    float factor = scale / total;
    RN_EACH for (int64_t i = 0; i < width; i++) {
      float part = logits[i] * inverse;
      logits[i] = rn_exp(logits[i] - most) * factor * (1.0f - part * part);
    }
    logits[targets[r]] -= scale * (1.0f - target * inverse * (target * inverse));
  }
}

// tanh x: for |x| < ½ its Taylor polynomial of degree 13, whose remainder is below 2^-23 of the result; else
// 1 - 2 / (e^2|x| + 1) with the sign of x.
RN_INLINE float hyperbolic_tangent(float x) {
  float size = x < 0.0f ? -x : x, square = x * x;
  float p = 21844.0f / 6081075.0f;
  p = p * square - 1382.0f / 155925.0f;
  p = p * square + 62.0f / 2835.0f;
  p = p * square - 17.0f / 315.0f;
  p = p * square + 2.0f / 15.0f;
  p = p * square - 1.0f / 3.0f;
  float small = x + x * square * p;
  float large = 1.0f - 2.0f / (rn_exp(2.0f * size) + 1.0f);
  return size < 0.5f ? small : (x < 0.0f ? -large : large);
}

RN_KERNEL
void rn_softcap(float *x, float cap, int64_t count) {
  float inverse = 1.0f / cap;
  RN_EACH for (int64_t i = 0; i < count; i++) x[i] = cap * hyperbolic_tangent(x[i] * inverse);
}

RN_KERNEL
void rn_cross_entropy_loss(float *losses, const float *logits, const int32_t *targets, int64_t rows, int64_t width) {
  for (int64_t r = 0; r < rows; r++, logits += width) {
    if (targets[r] < 0) {
      losses[r] = 0.0f;
      continue;
    }
    float most = rn_maximum(logits, width), total;
    RN_SUM(total, i, width, rn_exp(logits[i] - most));
    losses[r] = logf(total) - (logits[targets[r]] - most);
  }
}
