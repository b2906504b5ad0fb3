// Converts Float32 to and from the two 16-bit formats by bit operations, bit-identical on every CPU.
#include "half.h"
#include "kernels.h"

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
  for (int64_t i = 0; i < count; i++) y[i] = rn_from_f16(x[i]);
}

void rn_f32_to_f16(uint16_t *y, const float *x, int64_t count) {
  for (int64_t i = 0; i < count; i++) y[i] = rn_to_f16(x[i]);
}
