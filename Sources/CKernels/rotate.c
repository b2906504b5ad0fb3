// Rotary position embedding (docs/MATH.md, eq. 4) in two layouts.
#include "kernels.h"
#include "lanes.h"

RN_KERNEL
void rn_rotate_half_split(float *x, const float *cosine, const float *sine, int64_t first_row, int64_t rows,
                          int64_t positions, int64_t heads, int64_t width, int64_t stride, float sine_sign,
                          float scale) {
  int64_t pairs = width / 2;
  for (int64_t r = first_row; r < first_row + rows; r++) {
    const float *c = cosine + (r % positions) * pairs, *s = sine + (r % positions) * pairs;
    for (int64_t h = 0; h < heads; h++) {
      float *low = x + r * stride + h * width, *high = low + pairs;
      RN_EACH for (int64_t i = 0; i < pairs; i++) {
        float a = low[i] * scale, b = high[i] * scale, t = s[i] * sine_sign;
        low[i] = a * c[i] - b * t;
        high[i] = b * c[i] + a * t;
      }
    }
  }
}

RN_KERNEL
void rn_rotate_interleaved(float *x, const float *cosine, const float *sine, int64_t first_row, int64_t rows,
                           int64_t positions, int64_t heads, int64_t width, int64_t stride, float sine_sign,
                           float scale) {
  int64_t pairs = width / 2;
  for (int64_t r = first_row; r < first_row + rows; r++) {
    const float *c = cosine + (r % positions) * pairs, *s = sine + (r % positions) * pairs;
    for (int64_t h = 0; h < heads; h++) {
      float *row = x + r * stride + h * width;
      RN_EACH for (int64_t i = 0; i < pairs; i++) {
        float a = row[2 * i] * scale, b = row[2 * i + 1] * scale, t = s[i] * sine_sign;
        row[2 * i] = a * c[i] - b * t;
        row[2 * i + 1] = b * c[i] + a * t;
      }
    }
  }
}
