// Float32 to and from the two 16-bit formats, by bits, the same on every CPU.
#include "kernels.h"
#include "lanes.h"

RN_KERNEL
void rn_bf16_to_f32(float *y, const uint16_t *x, int64_t count) {
  for (int64_t i = 0; i < count; i++) y[i] = rn_float((uint32_t)x[i] << 16);
}

RN_KERNEL
void rn_f32_to_bf16(uint16_t *y, const float *x, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    uint32_t u = rn_bits(x[i]);
    uint32_t rounded = (u + 0x7FFFu + ((u >> 16) & 1u)) >> 16;
    uint32_t quiet = (u >> 16) | 0x40u;  // a NaN must not round to infinity
    y[i] = (uint16_t)((u & 0x7FFFFFFFu) > 0x7F800000u ? quiet : rounded);
  }
}

void rn_f16_to_f32(float *y, const uint16_t *x, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    uint32_t sign = (uint32_t)(x[i] & 0x8000u) << 16, exponent = (x[i] >> 10) & 0x1Fu, fraction = x[i] & 0x3FFu;
    if (exponent == 0x1Fu) {
      y[i] = rn_float(sign | 0x7F800000u | (fraction << 13));
    } else if (exponent != 0) {
      y[i] = rn_float(sign | ((exponent + 112u) << 23) | (fraction << 13));
    } else {
      float magnitude = (float)fraction * 0x1p-24f;  // subnormal: exact in Float32
      y[i] = rn_float(sign | rn_bits(magnitude));
    }
  }
}

void rn_f32_to_f16(uint16_t *y, const float *x, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    uint32_t u = rn_bits(x[i]), sign = (u >> 16) & 0x8000u, magnitude = u & 0x7FFFFFFFu;
    uint32_t half;
    if (magnitude > 0x7F800000u) {
      half = 0x7E00u | ((magnitude >> 13) & 0x3FFu);
    } else if (magnitude >= 0x477FF000u) {  // 65520 and above round to infinity
      half = 0x7C00u;
    } else if (magnitude >= 0x38800000u) {  // normal: 2^-14 and above
      half = (magnitude - 0x38000000u + 0xFFFu + ((magnitude >> 13) & 1u)) >> 13;
    } else {
      // Subnormal: adding ½ aligns the value to multiples of 2^-24, rounding to nearest even in hardware.
      half = rn_bits(rn_float(magnitude) + 0.5f) - rn_bits(0.5f);
    }
    y[i] = (uint16_t)(sign | half);
  }
}
