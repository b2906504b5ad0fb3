// Activations of the feed-forward part: gated, h = f(a) ⊙ b, and plain, h = f(a) (docs/MATH.md, eq. 17, 18, 27
// and 41).
#include <math.h>

#include "kernels.h"
#include "lanes.h"

RN_INLINE float activated(int activation, float x) {
  switch (activation) {
    case RN_SILU: return x * rn_sigmoid(x);
    case RN_GELU: return 0.5f * x * (1.0f + erff(x * 0.707106781f));
    case RN_RELU_SQUARED: return x > 0.0f ? x * x : 0.0f;
    default: return x > 0.0f ? x : 0.0f;
  }
}

// f'(x).
RN_INLINE float slope(int activation, float x) {
  switch (activation) {
    case RN_SILU: {
      float sigmoid = rn_sigmoid(x);
      return sigmoid * (1.0f + x * (1.0f - sigmoid));
    }
    case RN_GELU: {
      float density = 0.398942280f * rn_exp(-0.5f * x * x);
      return 0.5f * (1.0f + erff(x * 0.707106781f)) + x * density;
    }
    case RN_RELU_SQUARED: return x > 0.0f ? 2.0f * x : 0.0f;
    default: return x > 0.0f ? 1.0f : 0.0f;
  }
}

// One loop per activation, so that the kind is a constant in the loop. erff keeps the GELU loop from being vectorised.
#define FOR_EACH_ACTIVATION(...)                              \
  switch (activation) {                        \
    case RN_SILU: { enum { F = RN_SILU }; RN_EACH __VA_ARGS__ } break; \
    case RN_GELU: { enum { F = RN_GELU }; __VA_ARGS__ } break; \
    case RN_RELU_SQUARED: { enum { F = RN_RELU_SQUARED }; RN_EACH __VA_ARGS__ } break; \
    default: { enum { F = RN_RELU }; RN_EACH __VA_ARGS__ } break; \
  }

RN_KERNEL
void rn_glu_forward(float *h, const float *ab, int64_t rows, int64_t width, int32_t activation) {
  for (int64_t r = 0; r < rows; r++, h += width, ab += 2 * width)
    FOR_EACH_ACTIVATION(for (int64_t i = 0; i < width; i++) h[i] = activated(F, ab[i]) * ab[width + i];)
}

RN_KERNEL
void rn_glu_backward(float *dab, const float *dh, const float *ab, int64_t rows, int64_t width, int32_t activation) {
  for (int64_t r = 0; r < rows; r++, dh += width, ab += 2 * width, dab += 2 * width)
    FOR_EACH_ACTIVATION(for (int64_t i = 0; i < width; i++) {
      float a = ab[i], b = ab[width + i], upstream = dh[i];
      dab[i] = upstream * b * slope(F, a);
      dab[width + i] = upstream * activated(F, a);
    })
}

RN_KERNEL
void rn_activation_forward(float *h, const float *a, int64_t count, int32_t activation) {
  FOR_EACH_ACTIVATION(for (int64_t i = 0; i < count; i++) h[i] = activated(F, a[i]);)
}

RN_KERNEL
void rn_activation_backward(float *da, const float *dh, const float *a, int64_t count, int32_t activation) {
  FOR_EACH_ACTIVATION(for (int64_t i = 0; i < count; i++) da[i] = dh[i] * slope(F, a[i]);)
}
