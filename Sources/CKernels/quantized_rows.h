// Shared code of the products of quantised weights: the layout of prepared rows and of weights.
#ifndef RN_QUANTIZED_ROWS_H
#define RN_QUANTIZED_ROWS_H

#include "kernels.h"
#include "lanes.h"

// The three arrays of a prepared row (kernels.h).
typedef struct {
  const int8_t *q;
  const int32_t *sums;
  const float *scales;
} PreparedRow;

RN_INLINE PreparedRow prepared_row(const void *x, int64_t index, int64_t inputs, int32_t is_q4) {
  int64_t count = (inputs + RN_PREPARED - 1) / RN_PREPARED * RN_PREPARED;
  const int8_t *q = (const int8_t *)x + index * (count * (is_q4 ? 13 : 17) / 8);
  const int32_t *sums = (const int32_t *)(q + count);
  return (PreparedRow){q, sums, (const float *)(sums + (is_q4 ? count / 8 : count / 4))};
}

// Number of blocks of 32 in a piece, which shares one load of scales, and in a group of 64 bytes of weights.
enum { PIECE_BLOCKS = 16, Q4_GROUP_BLOCKS = 4, Q8_GROUP_BLOCKS = 2 };

#endif
