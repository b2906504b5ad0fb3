// y = x wᵀ for 1 … 16 rows of x, as in decoding. It is bound by reading w, so each row of w is read from memory once.
#include "kernels.h"
#include "lanes.h"

typedef float vfloat __attribute__((vector_size(64), aligned(4)));  // sixteen lanes, at any address
typedef float veight __attribute__((vector_size(32)));
typedef float vfour __attribute__((vector_size(16), aligned(4)));
typedef uint32_t vbits __attribute__((vector_size(64)));
typedef uint16_t vhalf __attribute__((vector_size(32), aligned(2)));

// Weights in their stored format, Float32 or bfloat16; both are read as Float32, exactly.
typedef struct {
  const void *numbers;
  int is_half;
} Weights;

RN_INLINE void read_sixteen(vfloat *to, const Weights w, int64_t at) {
  if (w.is_half)
    *to = (vfloat)(__builtin_convertvector(*(const vhalf *)((const uint16_t *)w.numbers + at), vbits) << 16);
  else
    *to = *(const vfloat *)((const float *)w.numbers + at);
}

RN_INLINE const char *address(const Weights w, int64_t at) {
  return (const char *)w.numbers + at * (w.is_half ? 2 : 4);
}

RN_INLINE float one(const Weights w, int64_t at) {
  return w.is_half ? rn_float((uint32_t)((const uint16_t *)w.numbers)[at] << 16) : ((const float *)w.numbers)[at];
}

// Reads fewer than sixteen numbers and pads them with zeros.
RN_INLINE void read_few(vfloat *to, const Weights w, int64_t at, int64_t count) {
  float lane[RN_LANES] = {0};
  for (int64_t l = 0; l < count; l++) lane[l] = one(w, at + l);
  *to = *(const vfloat *)lane;
}

// sum += the products of up to sixteen inputs from `i` on, each in its own lane.
RN_INLINE void add_lanes(const int R, const int O, vfloat sum[4][4], const float *x, const Weights w, int64_t first,
                         int64_t i, int64_t count, int64_t inputs, int64_t x_stride) {
  for (int o = 0; o < O; o++) {
    vfloat weights, row;
    if (count == RN_LANES)
      read_sixteen(&weights, w, first + o * inputs + i);
    else
      read_few(&weights, w, first + o * inputs + i, count);
    for (int r = 0; r < R; r++) {
      if (count == RN_LANES)
        row = *(const vfloat *)(x + r * x_stride + i);
      else
        read_few(&row, (Weights){x + r * x_stride, 0}, i, count);
      sum[r][o] += row * weights;
    }
  }
}

// Adds the inputs behind the last whole step of 32, in order: the first sixteen to `sum`, the others to `second`.
RN_INLINE void add_rest(const int R, const int O, vfloat sum[4][4], vfloat second[4][4], const float *x,
                        const Weights w, int64_t first, int64_t inputs, int64_t x_stride) {
  int64_t i = inputs / (2 * RN_LANES) * (2 * RN_LANES), left = inputs - i;
  if (left > 0) add_lanes(R, O, sum, x, w, first, i, left < RN_LANES ? left : RN_LANES, inputs, x_stride);
  if (left > RN_LANES) add_lanes(R, O, second, x, w, first, i + RN_LANES, left - RN_LANES, inputs, x_stride);
}

// One output for one row: a sum over 32 lanes in index order, then lane l plus lane l + 16.
RN_INLINE void output(vfloat *total, const float *x, const Weights w, int64_t first, int64_t inputs) {
  vfloat sum[4][4], second[4][4];
  sum[0][0] = second[0][0] = (vfloat){0};
#pragma clang loop unroll_count(4)
  for (int64_t i = 0; i + 2 * RN_LANES <= inputs; i += 2 * RN_LANES) {
    vfloat weights[2];
    rn_ask_ahead(address(w, first + i));  // one cache line of bfloat16, half of the two lines of Float32
    read_sixteen(weights, w, first + i);
    read_sixteen(weights + 1, w, first + i + RN_LANES);
    sum[0][0] += *(const vfloat *)(x + i) * weights[0];
    second[0][0] += *(const vfloat *)(x + i + RN_LANES) * weights[1];
  }
  add_rest(1, 1, sum, second, x, w, first, inputs, 0);
  *total = sum[0][0] + second[0][0];
}

// Weights that are read later. They are prefetched evenly while other weights are read.
typedef struct {
  const char *start;
  int64_t bytes;
} Later;

// The same for `R` rows and `O` outputs: first one half of the lanes, then the other, because registers are few.
RN_INLINE void outputs_of(const int R, const int O, vfloat total[4][4], const float *x, const Weights w, int64_t first,
                          int64_t inputs, int64_t x_stride, const Later later) {
  vfloat sum[2][4][4];
  int64_t whole = inputs / (2 * RN_LANES) * (2 * RN_LANES);
  const int64_t pace = whole > 0 ? later.bytes * RN_LANES / whole : 0;
  const char *asked = later.start;
  for (int half = 0; half < 2; half++) {
    vfloat own[4][4];
    for (int r = 0; r < R; r++)
      for (int o = 0; o < O; o++) own[r][o] = (vfloat){0};
    for (int64_t i = half * RN_LANES; i < whole; i += 2 * RN_LANES) {
      // Prefetches as many lines as four rows need. More rows repeat these lines: faster than each line once (Zen 4).
      for (int line = 0; line < (w.is_half ? 2 : 4); line++) __builtin_prefetch(asked + 64 * line, 0, 2);
      asked += pace;
      for (int o = 0; o < O; o++) {
        vfloat weights;
        read_sixteen(&weights, w, first + o * inputs + i);
        for (int r = 0; r < R; r++) own[r][o] += *(const vfloat *)(x + r * x_stride + i) * weights;
      }
    }
    for (int r = 0; r < R; r++)
      for (int o = 0; o < O; o++) sum[half][r][o] = own[r][o];
  }
  add_rest(R, O, sum[0], sum[1], x, w, first, inputs, x_stride);
  for (int r = 0; r < R; r++)
    for (int o = 0; o < O; o++) total[r][o] = sum[0][r][o] + sum[1][r][o];
}

// Adds the halves of sixteen lanes down to four lanes.
RN_INLINE void four_lanes(vfour *to, const vfloat *sum) {
  veight eight = __builtin_shufflevector(*sum, *sum, 0, 1, 2, 3, 4, 5, 6, 7) +
                 __builtin_shufflevector(*sum, *sum, 8, 9, 10, 11, 12, 13, 14, 15);
  *to = __builtin_shufflevector(eight, eight, 0, 1, 2, 3) + __builtin_shufflevector(eight, eight, 4, 5, 6, 7);
}

// Four sums of four lanes each, in halves. All four cost little more than one.
RN_INLINE void sums_of_lanes(vfour *to, const vfloat *sum) {
  vfour a, b, c, d;
  four_lanes(&a, sum);
  four_lanes(&b, sum + 1);
  four_lanes(&c, sum + 2);
  four_lanes(&d, sum + 3);
  vfour even_ab = __builtin_shufflevector(a, b, 0, 4, 2, 6), odd_ab = __builtin_shufflevector(a, b, 1, 5, 3, 7);
  vfour even_cd = __builtin_shufflevector(c, d, 0, 4, 2, 6), odd_cd = __builtin_shufflevector(c, d, 1, 5, 3, 7);
  vfour lane0 = __builtin_shufflevector(even_ab, even_cd, 0, 1, 4, 5);
  vfour lane2 = __builtin_shufflevector(even_ab, even_cd, 2, 3, 6, 7);
  vfour lane1 = __builtin_shufflevector(odd_ab, odd_cd, 0, 1, 4, 5);
  vfour lane3 = __builtin_shufflevector(odd_ab, odd_cd, 2, 3, 6, 7);
  *to = (lane0 + lane2) + (lane1 + lane3);
}

RN_INLINE void store(const int R, float *y, vfloat sum[4][4], int64_t outputs, int64_t y_stride, int32_t accumulate) {
  for (int r = 0; r < R; r++) {
    vfour total;
    sums_of_lanes(&total, sum[r]);
    float *to = y + r * y_stride;
    if (outputs >= 4)
      *(vfour *)to = accumulate ? *(const vfour *)to + total : total;
    else
      for (int o = 0; o < outputs; o++) to[o] = accumulate ? to[o] + total[o] : total[o];
  }
}

// At most four outputs. One row computes them one after the other, so that weights are read in the order of memory.
// Four rows compute them together, so that rows that do not fit the first-level cache are read less often.
RN_INLINE void block(const int R, float *y, const float *x, const Weights w, int64_t first, int64_t outputs,
                     int64_t inputs, int64_t y_stride, int64_t x_stride, int32_t accumulate, const Later later) {
  vfloat sum[4][4] = {{{0}}};
  if (R > 1 && outputs >= 4) {
    outputs_of(R, 4, sum, x, w, first, inputs, x_stride, later);
  } else {
    for (int r = 0; r < R; r++)
      for (int o = 0; o < 4 && o < outputs; o++)
        output(&sum[r][o], x + r * x_stride, w, first + o * inputs, inputs);
  }
  store(R, y, sum, outputs, y_stride, accumulate);
}

RN_INLINE void product(float *y, const float *x, const Weights w, int64_t rows, int64_t outputs, int64_t inputs,
                       int64_t y_stride, int64_t x_stride, int32_t accumulate) {
  const int64_t bytes = address(w, 4 * inputs) - address(w, 0);  // of four outputs
  for (int64_t o = 0; o < outputs; o += 4) {
    // The blocks of rows share the prefetch of the next four outputs, each for a part.
    Later later = {address(w, (o + 4) * inputs), rows >= 4 ? bytes / (rows / 4) : 0};
    int64_t r = 0;
    for (; r + 4 <= rows; r += 4, later.start += later.bytes)
      block(4, y + r * y_stride + o, x + r * x_stride, w, o * inputs, outputs - o, inputs, y_stride, x_stride,
            accumulate, later);
    for (; r < rows; r++)
      block(1, y + r * y_stride + o, x + r * x_stride, w, o * inputs, outputs - o, inputs, y_stride, x_stride,
            accumulate, later);
  }
}

RN_KERNEL
void rn_few_rows_product(float *y, const float *x, const float *w, int64_t rows, int64_t outputs, int64_t inputs,
                         int64_t y_stride, int64_t x_stride, int32_t accumulate) {
  product(y, x, (Weights){w, 0}, rows, outputs, inputs, y_stride, x_stride, accumulate);
}

RN_KERNEL
void rn_few_rows_product_bf16(float *y, const float *x, const uint16_t *w, int64_t rows, int64_t outputs,
                              int64_t inputs, int64_t y_stride, int64_t x_stride, int32_t accumulate) {
  product(y, x, (Weights){w, 1}, rows, outputs, inputs, y_stride, x_stride, accumulate);
}
