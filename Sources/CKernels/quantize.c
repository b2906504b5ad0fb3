// Blocks of 32 numbers with a scale: quantises weights, converts them back, and prepares rows for products with them.
#include "half.h"
#include "kernels.h"

#pragma STDC FP_CONTRACT OFF

// The nearest integer, ties to even; |x| < 2^22.
RN_INLINE int32_t nearest(float x) {
  const float magic = 12582912.0f;  // 1.5 · 2^23: adding it leaves the rounded integer in the low bits
  return (int32_t)(rn_bits(x + magic) - rn_bits(magic));
}

RN_INLINE float bounded(float x, float low, float high) { return x < low ? low : x > high ? high : x; }

RN_INLINE float largest(const float *x) {
  float lane[RN_LANES] = {0};
  for (int i = 0; i < RN_BLOCK; i += RN_LANES)
    RN_EACH for (int l = 0; l < RN_LANES; l++) {
      float magnitude = x[i + l] < 0.0f ? -x[i + l] : x[i + l];
      lane[l] = magnitude > lane[l] ? magnitude : lane[l];
    }
  float all = 0.0f;
  for (int l = 0; l < RN_LANES; l++) all = lane[l] > all ? lane[l] : all;
  return all;
}

RN_KERNEL
void rn_quantize_q8_0(int8_t *q, uint16_t *scales, const float *x, int64_t blocks) {
  for (int64_t b = 0; b < blocks; b++, x += RN_BLOCK, q += RN_BLOCK) {
    scales[b] = rn_to_f16(largest(x) / 127.0f);
    // The scale as it will be read, so that its rounding adds no error.
    float scale = rn_from_f16(scales[b]), inverse = scale > 0.0f ? 1.0f / scale : 0.0f;
    for (int i = 0; i < RN_BLOCK; i++) q[i] = (int8_t)nearest(bounded(x[i] * inverse, -127.0f, 127.0f));
  }
}

RN_KERNEL
void rn_quantize_q4_0(uint8_t *q, uint16_t *scales, const float *x, int64_t blocks) {
  for (int64_t b = 0; b < blocks; b++, x += RN_BLOCK, q += RN_BLOCK / 2) {
    float extreme = 0.0f, magnitude = 0.0f;
    for (int i = 0; i < RN_BLOCK; i++) {
      float size = x[i] < 0.0f ? -x[i] : x[i];
      if (size > magnitude) magnitude = size, extreme = x[i];
    }
    scales[b] = rn_to_f16(extreme / -8.0f);
    float scale = rn_from_f16(scales[b]), inverse = scale != 0.0f ? 1.0f / scale : 0.0f;
    for (int i = 0; i < RN_BLOCK / 2; i++) {
      int32_t low = nearest(bounded(x[i] * inverse, -8.0f, 7.0f)) + 8;
      int32_t high = nearest(bounded(x[i + RN_BLOCK / 2] * inverse, -8.0f, 7.0f)) + 8;
      q[i] = (uint8_t)(low | high << 4);
    }
  }
}

RN_KERNEL
void rn_dequantize_q8_0(float *y, const int8_t *q, const uint16_t *scales, int64_t blocks) {
  for (int64_t b = 0; b < blocks; b++, y += RN_BLOCK, q += RN_BLOCK) {
    float scale = rn_from_f16(scales[b]);
    RN_EACH for (int i = 0; i < RN_BLOCK; i++) y[i] = scale * (float)q[i];
  }
}

// Sixteen at a time. The vectoriser is nine times slower with loops over half bytes.
typedef float vfloat __attribute__((vector_size(64), aligned(4)));
typedef uint8_t vbytes __attribute__((vector_size(16), aligned(1)));

RN_KERNEL
void rn_dequantize_q4_0(float *y, const uint8_t *q, const uint16_t *scales, int64_t blocks) {
  for (int64_t b = 0; b < blocks; b++, y += RN_BLOCK, q += RN_BLOCK / 2) {
    float scale = rn_from_f16(scales[b]);
    vbytes both = *(const vbytes *)q;
    *(vfloat *)y = scale * (__builtin_convertvector(both & 15, vfloat) - 8);
    *(vfloat *)(y + 16) = scale * (__builtin_convertvector(both >> 4, vfloat) - 8);
  }
}

static int64_t padded(int64_t inputs) { return (inputs + RN_PREPARED - 1) / RN_PREPARED * RN_PREPARED; }

int64_t rn_prepared_byte_count(int64_t inputs, int32_t is_q4) {
  return padded(inputs) * (is_q4 ? 13 : 17) / 8;  // rows, sums (half or all of that), scales (an eighth)
}

RN_KERNEL
void rn_prepare_row(void *row, const float *x, int64_t inputs, int32_t is_q4) {
  int64_t count = padded(inputs);
  int8_t *q = row;
  int32_t *sums = (int32_t *)(q + count);
  float *scales = (float *)(sums + (is_q4 ? count / 8 : count / 4));
  memset(q + inputs / 128 * 128, 0, (size_t)(count - inputs / 128 * 128));
  memset(scales + inputs / RN_BLOCK, 0, (size_t)(count - inputs) / RN_BLOCK * sizeof *scales);
  for (int64_t b = 0; b < inputs / RN_BLOCK; b++, x += RN_BLOCK) {
    float most = largest(x), inverse = most >= 1e-30f ? 127.0f / most : 0.0f, doubt = 0.0f;
    int8_t block[RN_BLOCK];
    for (int i = 0; i < RN_BLOCK; i++) doubt += x[i] * 0.0f;  // NaN unless all numbers are finite
    RN_EACH for (int i = 0; i < RN_BLOCK; i++) {
      float scaled = x[i] * inverse;
      scaled = scaled == scaled ? scaled : 0.0f;
      block[i] = (int8_t)nearest(bounded(scaled, -127.0f, 127.0f));
    }
    scales[b] = doubt == 0.0f ? (most >= 1e-30f ? most / 127.0f : 0.0f) : doubt;
    if (is_q4) {
      int8_t *half = q + b / 4 * 128 + b % 4 * (RN_BLOCK / 2);
      memcpy(half, block, RN_BLOCK / 2);
      memcpy(half + 64, block + RN_BLOCK / 2, RN_BLOCK / 2);
    } else {
      memcpy(q + b * RN_BLOCK, block, RN_BLOCK);
    }
  }
  if (is_q4) {
    for (int64_t g = 0; g < count / 128; g++)
      RN_EACH for (int l = 0; l < RN_LANES; l++) {
        const int8_t *low = q + g * 128 + l * 4, *high = low + 64;
        sums[g * RN_LANES + l] =
            -8 * (low[0] + low[1] + low[2] + low[3] + high[0] + high[1] + high[2] + high[3]);
      }
  } else {
    for (int64_t g = 0; g < count / 64; g++)
      RN_EACH for (int l = 0; l < RN_LANES; l++) {
        const int8_t *four = q + g * 64 + l * 4;
        sums[g * RN_LANES + l] = -128 * (four[0] + four[1] + four[2] + four[3]);
      }
  }
}
