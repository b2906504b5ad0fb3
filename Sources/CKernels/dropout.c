// Dropout whose mask is a function of a key, a row and a column (docs/MATH.md, eq. 36 and 37).
#include "kernels.h"
#include "lanes.h"

// The output of SplitMix64 for the state z (Steele, Lea & Flood 2014).
RN_INLINE uint64_t mixed64(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

// 24 bits of a column: two rounds of multiplication and shift, each with half of the row's key. The multipliers are
// those of lowbias32 (Wellons 2018, "Prospecting for Hash Functions"); 0x9E3779B9 is 2^32 over the golden ratio.
RN_INLINE int32_t column_bits(uint32_t column, uint32_t low, uint32_t high) {
  uint32_t x = column * 0x9E3779B9u + low;
  x = (x ^ (x >> 16)) * 0x7FEB352Du;
  x = ((x ^ (x >> 15)) + high) * 0x846CA68Bu;
  return (int32_t)((x ^ (x >> 16)) >> 8);
}

RN_KERNEL
void rn_dropout(float *y, const float *x, int64_t rows, int64_t width, uint64_t key, int64_t first_row,
                int32_t threshold, float scale, int32_t accumulate) {
  for (int64_t r = 0; r < rows; r++, y += width, x += width) {
    uint64_t row_key = mixed64(key + (uint64_t)(first_row + r + 1) * 0x9E3779B97F4A7C15u);
    uint32_t low = (uint32_t)row_key, high = (uint32_t)(row_key >> 32);
    if (accumulate)
      RN_EACH for (int64_t i = 0; i < width; i++)
        y[i] += column_bits((uint32_t)i, low, high) < threshold ? 0.0f : scale * x[i];
    else
      RN_EACH for (int64_t i = 0; i < width; i++)
        y[i] = column_bits((uint32_t)i, low, high) < threshold ? 0.0f : scale * x[i];
  }
}
