// Softmax cross entropy of each row of logits, with or without its gradient (docs/MATH.md, eq. 20).
#include <math.h>

#include "kernels.h"
#include "lanes.h"

RN_INLINE float row_maximum(const float *x, int64_t width) {
  float lane[RN_LANES];
  for (int l = 0; l < RN_LANES; l++) lane[l] = x[0];
  int64_t whole = width / RN_LANES * RN_LANES;
  for (int64_t b = 0; b < whole; b += RN_LANES)
    RN_EACH for (int64_t l = 0; l < RN_LANES; l++) lane[l] = x[b + l] > lane[l] ? x[b + l] : lane[l];
  float most = lane[0];
  for (int l = 1; l < RN_LANES; l++) most = lane[l] > most ? lane[l] : most;
  for (int64_t i = whole; i < width; i++) most = x[i] > most ? x[i] : most;
  return most;
}

RN_KERNEL
void rn_cross_entropy(float *logits, float *losses, const int32_t *targets, int64_t rows, int64_t width, float scale) {
  for (int64_t r = 0; r < rows; r++, logits += width) {
    if (targets[r] < 0) {
      losses[r] = 0.0f;
      memset(logits, 0, (size_t)width * sizeof(float));
      continue;
    }
    float most = row_maximum(logits, width), target = logits[targets[r]], total;
    RN_EACH for (int64_t i = 0; i < width; i++) logits[i] = rn_exp(logits[i] - most);
    RN_SUM(total, i, width, logits[i]);
    losses[r] = logf(total) - (target - most);
    float factor = scale / total;
    RN_EACH for (int64_t i = 0; i < width; i++) logits[i] *= factor;
    logits[targets[r]] -= scale;
  }
}

RN_KERNEL
void rn_cross_entropy_loss(float *losses, const float *logits, const int32_t *targets, int64_t rows, int64_t width) {
  for (int64_t r = 0; r < rows; r++, logits += width) {
    if (targets[r] < 0) {
      losses[r] = 0.0f;
      continue;
    }
    float most = row_maximum(logits, width), total;
    RN_SUM(total, i, width, rn_exp(logits[i] - most));
    losses[r] = logf(total) - (logits[targets[r]] - most);
  }
}
