// Products of quantised weights in plain C: the reference of the other two files, and their replacement on other CPUs.
#include "half.h"
#include "quantized_rows.h"

#pragma STDC FP_CONTRACT OFF

RN_INLINE float output(const PreparedRow x, const uint8_t *w, const uint16_t *scales, int64_t blocks, const int is_q4) {
  float lane[RN_LANES] = {0};
  const int64_t group_blocks = is_q4 ? Q4_GROUP_BLOCKS : Q8_GROUP_BLOCKS;
  for (int64_t first = 0; first < blocks; first += group_blocks, w += 64) {
    const int8_t *q = x.q + first * RN_BLOCK;
    int lanes = blocks - first < group_blocks ? (int)(blocks - first) * RN_LANES / (int)group_blocks : RN_LANES;
    for (int l = 0; l < lanes; l++) {
      int64_t block = first + l / (RN_LANES / group_blocks);
      int32_t sum = 0;
      for (int i = l * 4; i < l * 4 + 4; i++)
        sum += is_q4 ? ((w[i] & 15) - 8) * q[i] + ((w[i] >> 4) - 8) * q[64 + i] : (int8_t)w[i] * q[i];
      lane[l] += (float)sum * (rn_from_f16(scales[block]) * x.scales[block]);
    }
  }
  return rn_sum_lanes(lane);
}

RN_KERNEL
RN_QUANTIZED_ROWS(rn_quantized_rows_portable) {
  int64_t blocks = inputs / RN_BLOCK, bytes = is_q4 ? inputs / 2 : inputs;
  for (int64_t o = 0; o < outputs; o++)
    for (int64_t r = 0; r < rows; r++) {
      PreparedRow row = prepared_row(x, r, inputs, is_q4);
      const uint8_t *weights = (const uint8_t *)w + o * bytes;
      float total = is_q4 ? output(row, weights, scales + o * blocks, blocks, 1)
                          : output(row, weights, scales + o * blocks, blocks, 0);
      float *to = y + r * y_stride + o;
      *to = accumulate ? *to + total : total;
    }
}
