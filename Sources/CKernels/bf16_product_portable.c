// The bfloat16 product in plain C: the reference of bf16_product.c, and its replacement on other CPUs.
#include "kernels.h"
#include "lanes.h"

typedef float vfloat __attribute__((vector_size(64), aligned(4)));  // sixteen lanes, at any address
typedef uint32_t vbits __attribute__((vector_size(64), aligned(4)));

// Rounds to bfloat16: to nearest, ties to even; NaN stays NaN; a subnormal becomes a zero with its sign.
RN_INLINE uint32_t narrowed(float x) {
  uint32_t u = rn_bits(x), magnitude = u & 0x7FFFFFFFu;
  uint32_t rounded = (u + 0x7FFFu + ((u >> 16) & 1u)) >> 16;
  uint32_t quiet = (u >> 16) | 0x40u;  // a NaN must not round to infinity
  uint32_t zero = (u >> 16) & 0x8000u;
  return magnitude > 0x7F800000u ? quiet : magnitude < 0x00800000u ? zero : rounded;
}

RN_KERNEL
void rn_bf16_pack_portable(uint16_t *panels, const float *x, int64_t lanes, int64_t inner, int64_t stride,
                           int32_t is_along, int32_t width) {
  int64_t pairs = (inner + 1) / 2, lane_step = is_along ? stride : 1, inner_step = is_along ? 1 : stride;
  for (int64_t l = 0; l < (lanes + 15) / 16 * 16; l++) {
    uint16_t *to = panels + (l / width * pairs * width + l % width) * 2;
    const float *from = x + l * lane_step;
    for (int64_t k = 0; k < pairs * 2; k++)
      to[k / 2 * width * 2 + k % 2] = l < lanes && k < inner ? (uint16_t)narrowed(from[k * inner_step]) : 0;
  }
}

void rn_bf16_pack_weights_portable(uint16_t *panel, const uint16_t *w, int64_t lanes, int64_t inner, int64_t stride) {
  for (int64_t k = 0; k < (inner + 1) / 2 * 2; k++)
    for (int64_t l = 0; l < RN_BF16_COLUMNS; l++)
      panel[(k / 2 * RN_BF16_COLUMNS + l) * 2 + k % 2] = l < lanes && k < inner ? w[l * stride + k] : 0;
}

// The even or the odd numbers of the pairs, exact in Float32.
#define EVEN(pairs) ((vfloat)((pairs) << 16))
#define ODD(pairs) ((vfloat)((pairs) & 0xFFFF0000u))

// Four rows times one panel of columns: in 256-bit registers, eight sums and four numbers of B leave room for A.
enum { BLOCK_ROWS = 4 };

RN_INLINE void block(float *c, const uint16_t *a, const uint16_t *b, int64_t rows, int64_t columns, int64_t pairs,
                     int64_t c_stride, int32_t accumulate) {
  vfloat sum[BLOCK_ROWS] = {{0}};
  for (int64_t k = 0; k < pairs; k++) {
    vbits pair = *(const vbits *)(b + k * RN_BF16_COLUMNS * 2);
    vfloat even = EVEN(pair), odd = ODD(pair);
    for (int r = 0; r < BLOCK_ROWS; r++) {
      uint32_t row;
      memcpy(&row, a + (k * RN_BF16_ROWS + r) * 2, sizeof row);
      vbits spread = (vbits){0} + row;  // to all lanes
      sum[r] += ODD(spread) * odd;
      sum[r] += EVEN(spread) * even;
    }
  }
  for (int r = 0; r < BLOCK_ROWS && r < rows; r++)
    for (int l = 0; l < RN_BF16_COLUMNS && l < columns; l++) {
      float *to = c + r * c_stride + l;
      *to = accumulate ? *to + sum[r][l] : sum[r][l];
    }
}

RN_KERNEL
void rn_bf16_multiply_portable(float *c, const uint16_t *a, const uint16_t *b, int64_t rows, int64_t columns,
                               int64_t inner, int64_t c_stride, int32_t accumulate) {
  int64_t pairs = (inner + 1) / 2;
  for (int64_t j = 0; j < columns; j += RN_BF16_COLUMNS)
    for (int64_t i = 0; i < rows; i += BLOCK_ROWS) {
      const uint16_t *row = a + (i / RN_BF16_ROWS * pairs * RN_BF16_ROWS + i % RN_BF16_ROWS) * 2;
      block(c + i * c_stride + j, row, b + j * pairs * 2, rows - i, columns - j, pairs, c_stride, accumulate);
    }
}
