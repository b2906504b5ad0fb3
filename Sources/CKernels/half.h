// Converts one number between Float32 and Float16 by bit operations, bit-identical on every CPU.
#ifndef RN_HALF_H
#define RN_HALF_H

#include "lanes.h"

RN_INLINE float rn_from_f16(uint16_t x) {
  uint32_t sign = (uint32_t)(x & 0x8000u) << 16, exponent = (x >> 10) & 0x1Fu, fraction = x & 0x3FFu;
  if (exponent == 0x1Fu) return rn_float(sign | 0x7F800000u | (fraction << 13));
  if (exponent != 0) return rn_float(sign | ((exponent + 112u) << 23) | (fraction << 13));
  float magnitude = (float)fraction * 0x1p-24f;  // subnormal: exact in Float32
  return rn_float(sign | rn_bits(magnitude));
}

// Rounds to nearest, ties to even; NaN stays NaN.
RN_INLINE uint16_t rn_to_f16(float x) {
  uint32_t u = rn_bits(x), sign = (u >> 16) & 0x8000u, magnitude = u & 0x7FFFFFFFu;
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
  return (uint16_t)(sign | half);
}

#endif
