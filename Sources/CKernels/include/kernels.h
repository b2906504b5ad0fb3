// Row kernels on raw pointers. The order of arguments is outputs, inputs, sizes, constants.
//
// No kernel allocates, keeps state or fails. Inputs are const. Unless a comment says otherwise, an output may be the
// same array as an input of the same shape; any other overlap is not allowed. No alignment is required. A "stride" is
// the distance between the starts of two rows, in numbers.
#ifndef RN_KERNELS_H
#define RN_KERNELS_H

#include <stdint.h>

// Tells the CPU that this thread waits in a loop.
static inline void rn_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

// ---- cpu.c

enum {
  RN_CPU_AVX2 = 1,
  RN_CPU_AVX512 = 2,
  RN_CPU_AVX512_VNNI = 4,
  RN_CPU_AVX512_BF16 = 8,
  RN_CPU_AVX_VNNI = 16,
};

// The instruction sets above that the CPU and the system support, as bits.
uint32_t rn_cpu_features(void);

// ---- norm.c

// y = w ⊙ x / rms(x) per row, rstd = 1 / rms(x) = (mean x² + eps)^-½.
// y, x [rows, width] dense; rstd [rows]; weight [width] or NULL for ones.
void rn_rms_norm_forward(float *y, float *rstd, const float *x, const float *weight, int64_t rows, int64_t width,
                         float eps);

// dx = addend + d(rmsNorm)/dx, and dweight += Σ_rows dy ⊙ x rstd.
// dx, addend, dy, x [rows, width] dense; addend may be NULL (zero) or dx itself; dweight [width] or NULL.
void rn_rms_norm_backward(float *dx, float *dweight, const float *addend, const float *dy, const float *x,
                          const float *weight, const float *rstd, int64_t rows, int64_t width);

// ---- gate.c

// The norms of a head: none; RMS, which divides by the root mean square; layer, which subtracts the mean and divides by
// the deviation.
enum { RN_NO_NORM = 0, RN_RMS_NORM = 1, RN_LAYER_NORM = 2 };

// z = silu(g) ⊙ (w ⊙ norm(o) + b), with the norm over each head's width separately; without g: z = w ⊙ norm(o) + b.
// z, o [rows, heads·width] dense; g [rows, heads·width] with a stride, or NULL; mean, rstd [rows, heads], 0 and 1 if
// the norm has none; weight NULL, or [width] with weight_stride 0, or [heads·width] with weight_stride width; bias
// NULL, or the weight's shape.
void rn_gated_norm_forward(float *z, float *mean, float *rstd, const float *o, const float *g, const float *weight,
                           const float *bias, int64_t rows, int64_t heads, int64_t width, int64_t g_stride,
                           int64_t weight_stride, int32_t norm, float eps);

// Computes do and dg from dz; dweight and dbias += their gradients (NULL: not needed, or no weight). Shapes as above;
// dg has a stride. do may be dz, but not o.
void rn_gated_norm_backward(float *d_o, float *dg, float *dweight, float *dbias, const float *dz, const float *o,
                            const float *g, const float *weight, const float *bias, const float *mean,
                            const float *rstd, int64_t rows, int64_t heads, int64_t width, int64_t g_stride,
                            int64_t dg_stride, int64_t weight_stride, int32_t norm);

// ---- rotate.c

// Rotates each pair of every head by the angle of its row's position and multiplies by `scale`, in place.
// x [rows, heads, width] with a row stride; row r has the angles of position r mod positions.
// cosine, sine [positions, width / 2]; sine_sign is +1 forward, -1 for the inverse (the backward).
// Half-split pairs are (i, i + width/2), interleaved pairs (2i, 2i + 1).
void rn_rotate_half_split(float *x, const float *cosine, const float *sine, int64_t first_row, int64_t rows,
                          int64_t positions, int64_t heads, int64_t width, int64_t stride, float sine_sign,
                          float scale);
void rn_rotate_interleaved(float *x, const float *cosine, const float *sine, int64_t first_row, int64_t rows,
                           int64_t positions, int64_t heads, int64_t width, int64_t stride, float sine_sign,
                           float scale);

// ---- decay.c

// s[j, i] *= γ^(row_offset + j - i) where first[j] - column_offset ≤ i ≤ row_offset + j; s[j, i] = 0 elsewhere.
// s [rows, columns] with a stride; powers_descending holds γ^(count-1) … γ^1, γ^0 (count > row_offset + rows - 1);
// first [rows] or NULL for no limit.
void rn_decay_mask(float *s, const float *powers_descending, const int32_t *first, int64_t power_count, int64_t rows,
                   int64_t columns, int64_t stride, int64_t row_offset, int64_t column_offset);

// y[j, :] = (accumulate ? y[j, :] : 0) + factor[j] x[j, :]. y, x [rows, width] with strides; factor [rows].
void rn_scale_rows(float *y, const float *x, const float *factor, int64_t rows, int64_t width, int64_t y_stride,
                   int64_t x_stride, int32_t accumulate);

// y[j] = Σ_i |s[j, i]|. s [rows, columns] with a stride.
void rn_absolute_row_sums(float *y, const float *s, int64_t rows, int64_t columns, int64_t stride);

// One recurrent step (docs/MATH.md, eq. 9): state = keep · state + (k key_scale) vᵀ, o = (q query_scale) state.
// state [key_width, value_width] dense; q, k [key_width]; v, o [value_width]; o overlaps nothing.
void rn_retain_step(float *o, float *state, const float *q, const float *k, const float *v, int64_t key_width,
                    int64_t value_width, float keep, float key_scale, float query_scale);

// ---- attention.c

// One tile of softmax attention (docs/MATH.md, eq. 42): scores of some queries against some keys, in any order of tiles.
// Row j sees the keys first[j] … row_offset + j, where column 0 is key column_offset. In the columns that it sees,
// s becomes e^(s - most[j]), with most[j] the largest score so far; elsewhere 0. total[j] and o[j, :], the sums over
// earlier tiles, are scaled to it. most starts at -∞, total and o at 0.
// s [rows, columns] and o [rows, width] with strides; first, most, total [rows].
void rn_attention_tile(float *s, float *o, float *most, float *total, const int32_t *first, int64_t rows,
                       int64_t columns, int64_t stride, int64_t row_offset, int64_t column_offset, int64_t width,
                       int64_t o_stride);

// Behind the last tile: o[j, :] /= total[j], log_sums[j] = most[j] + ln total[j], with strides.
void rn_attention_finish(float *o, float *log_sums, const float *most, const float *total, int64_t rows, int64_t width,
                         int64_t o_stride, int64_t sum_stride);

// The backward of a tile (docs/MATH.md, eq. 43): s becomes p = e^(s - log_sums[j]), ds becomes p (ds - dots[j]); both 0
// in columns that the row does not see. log_sums and dots with a stride.
void rn_attention_tile_backward(float *s, float *ds, const float *log_sums, const float *dots, const int32_t *first,
                                int64_t rows, int64_t columns, int64_t stride, int64_t row_offset,
                                int64_t column_offset, int64_t sum_stride);

// dots[j, h] = Σ_i x[j, h, i] y[j, h, i]. x, y [rows, heads, width], dense.
void rn_head_dots(float *dots, const float *x, const float *y, int64_t rows, int64_t heads, int64_t width);

// Attention of some queries over the keys first … count - 1, for decoding. Keys are taken in blocks of 32 from key 0 on,
// so that the order of the sums does not depend on where calls begin.
// o, q [queries, width]; keys, values [count, width], in Float32 or bfloat16; all dense.
void rn_attend(float *o, const float *q, const float *keys, const float *values, int64_t first, int64_t count,
               int64_t queries, int64_t width);
void rn_attend_bf16(float *o, const float *q, const uint16_t *keys, const uint16_t *values, int64_t first,
                    int64_t count, int64_t queries, int64_t width);

// ---- linear_attention.c

// y = elu(x) + 1: x + 1 above 0, e^x below. y, x [rows, width] with strides.
void rn_elu_features(float *y, const float *x, int64_t rows, int64_t width, int64_t y_stride, int64_t x_stride);

// dx = dy · (y < 1 ? y : 1), with y as the forward wrote it. dy has the stride of y.
void rn_elu_features_backward(float *dx, const float *dy, const float *y, int64_t rows, int64_t width,
                              int64_t dx_stride, int64_t y_stride);

// y[r, h, :] = (x[r, h, :], 1). y [rows, heads, width + 1] dense, x [rows, heads, width] with a stride.
void rn_append_ones(float *y, const float *x, int64_t rows, int64_t heads, int64_t width, int64_t x_stride);

// y[r, h, :] = x[r, h, 0 ..< width]. y [rows, heads, width] with a stride, x [rows, heads, width + 1] dense.
void rn_remove_ones(float *y, const float *x, int64_t rows, int64_t heads, int64_t width, int64_t y_stride);

// o[r, :] = sums[r, 0 ..< width] / (sums[r, width] + ε). o [rows, width], sums [rows, width + 1], dense.
void rn_divide_by_sums(float *o, const float *sums, int64_t rows, int64_t width, float epsilon);
void rn_divide_by_sums_backward(float *dsums, const float *d_o, const float *o, const float *sums, int64_t rows,
                                int64_t width, float epsilon);

// ---- loss.c

// Cross entropy of each row, ln Σ e^l - l[target]; replaces the row's logits by (softmax - onehot) · scale.
// A negative target gives loss 0 and gradient 0. logits [rows, width] dense; losses, targets [rows].
void rn_cross_entropy(float *logits, float *losses, const int32_t *targets, int64_t rows, int64_t width, float scale);

// The same for logits l that were capped by rn_softcap; replaces them by the gradient of the logits before the cap,
// (softmax - onehot) · scale · (1 - (l / cap)²).
void rn_cross_entropy_capped(float *logits, float *losses, const int32_t *targets, int64_t rows, int64_t width,
                             float scale, float cap);

// x = cap · tanh(x / cap), cap > 0.
void rn_softcap(float *x, float cap, int64_t count);

// The same loss without the gradient; logits are not changed.
void rn_cross_entropy_loss(float *losses, const float *logits, const int32_t *targets, int64_t rows, int64_t width);

// ---- elementwise.c

// y = e^x, as kernels compute it inline. It exists so that tests can call it.
void rn_exponential(float *y, const float *x, int64_t count);

void rn_add(float *y, const float *x, int64_t count);                       // y += x
void rn_add_scaled(float *y, const float *x, float factor, int64_t count);  // y += factor x
void rn_scale(float *y, float factor, int64_t count);                       // y *= factor
double rn_sum_of_squares(const float *x, int64_t count);                   // in Float64, index order within 16 lanes

// y = x_factor x + z_factor z. y may be x.
void rn_weighted_sum(float *y, const float *x, const float *z, float x_factor, float z_factor, int64_t count);

// Computes from dy the gradients of rn_weighted_sum: dx = x_factor dy, dz += z_factor dy, and the sums over this range
// *dx_factor = Σ dy x, *dz_factor = Σ dy z, in Float64 within 16 lanes. dx may be dy; no other overlap is allowed.
void rn_weighted_sum_backward(float *dx, float *dz, float *dx_factor, float *dz_factor, const float *dy, const float *x,
                              const float *z, float x_factor, float z_factor, int64_t count);

// Sums all numbers except the last count mod 64, for measuring how long reading takes.
float rn_read(const float *x, int64_t count);

// y[i, :] = table[ids[i], :]. y [rows, width]; table [·, width].
void rn_gather_rows(float *y, const float *table, const int32_t *ids, int64_t rows, int64_t width);

// table[ids[i], column …] += dy[i, column …] for i in order, for `columns` columns from `first_column` on.
void rn_scatter_add_rows(float *table, const float *dy, const int32_t *ids, int64_t rows, int64_t width,
                         int64_t first_column, int64_t columns);

// One AdamW update (Loshchilov & Hutter 2019). The gradient is multiplied by gradient_scale when it is read.
// correction1 = 1 - β1^t, correction2 = 1 - β2^t; decay is learning rate · weight decay. A number p decays where
// m p ≥ least_agreement: everywhere with -∞, where the update shrinks it with 0.
void rn_adamw(float *parameter, float *first_moment, float *second_moment, const float *gradient, int64_t count,
              float gradient_scale, float learning_rate, float beta1, float beta2, float epsilon, float decay,
              float least_agreement, float correction1, float correction2);

// Nesterov momentum: g = gradient_scale · gradient, m ← β m + g, direction = β m + g.
void rn_nesterov(float *direction, float *momentum, const float *gradient, int64_t count, float gradient_scale,
                 float beta);

// p ← p - rate · d - decay · p, without the last term where d p < least_agreement.
void rn_descend(float *parameter, const float *direction, int64_t count, float rate, float decay,
                float least_agreement);

void rn_move_towards(float *y, const float *x, float weight, int64_t count);  // y += weight (x - y)
void rn_exchange(float *x, float *y, int64_t count);
void rn_transpose(float *y, const float *x, int64_t rows, int64_t columns);  // y [columns, rows] = xᵀ, x [rows, columns]

// ---- dropout.c

// y = (accumulate ? y : 0) + m ⊙ x, with m = 0 or scale. y, x [rows, width] dense.
// Row r has the key k = the SplitMix64 output of key + (first_row + r + 1) · 0x9E3779B97F4A7C15. Column i has 24 bits
// that are a hash of i and k; m is 0 where they are less than threshold.
void rn_dropout(float *y, const float *x, int64_t rows, int64_t width, uint64_t key, int64_t first_row,
                int32_t threshold, float scale, int32_t accumulate);

// ---- convert.c: widening is exact, narrowing rounds to nearest, ties to even; NaN stays NaN.

void rn_bf16_to_f32(float *y, const uint16_t *x, int64_t count);
void rn_f32_to_bf16(uint16_t *y, const float *x, int64_t count);
void rn_f16_to_f32(float *y, const uint16_t *x, int64_t count);
void rn_f32_to_f16(uint16_t *y, const float *x, int64_t count);

// ---- few_rows.c

// y = x wᵀ for few rows of x. Each row of w is read once for all of them.
// y [rows, outputs] with a stride; x [rows, inputs] with a stride; w [outputs, inputs] dense. 1 ≤ rows ≤ 16.
// If `accumulate`, adds to y. The sum of one output depends on `inputs` only, never on `rows`.
void rn_few_rows_product(float *y, const float *x, const float *w, int64_t rows, int64_t outputs, int64_t inputs,
                         int64_t y_stride, int64_t x_stride, int32_t accumulate);

// The same product with weights in bfloat16; bit-identical to the product with the weights widened to Float32.
void rn_few_rows_product_bf16(float *y, const float *x, const uint16_t *w, int64_t rows, int64_t outputs,
                              int64_t inputs, int64_t y_stride, int64_t x_stride, int32_t accumulate);

// ---- quantize.c: blocks of RN_BLOCK numbers, each block with a Float16 scale.
//
// q8_0: 32 bytes q, number = scale q. q4_0: 16 bytes; number j is in the low half of byte j, number j + 16 in its high
// half, number = scale (half - 8). These are the blocks of GGUF, with the scales in an array of their own.

enum { RN_BLOCK = 32 };

// Rounds x to quantised numbers. x is finite. The scale of q8_0 is max|x| / 127; that of q4_0 is m / -8, where m is the
// number of largest magnitude.
void rn_quantize_q8_0(int8_t *q, uint16_t *scales, const float *x, int64_t blocks);
void rn_quantize_q4_0(uint8_t *q, uint16_t *scales, const float *x, int64_t blocks);

// Converts quantised numbers to Float32.
void rn_dequantize_q8_0(float *y, const int8_t *q, const uint16_t *scales, int64_t blocks);
void rn_dequantize_q4_0(float *y, const uint8_t *q, const uint16_t *scales, int64_t blocks);

// Prepares a row of x for the products of quantised weights. A prepared row is three arrays, one after the other. P is
// the number of inputs, rounded up to a multiple of RN_PREPARED.
//   int8   [P]     The row, q = x / scale rounded, block by block, padded with zeros. For q4_0 it is in groups of four
//                  blocks: the four first halves, then the four second halves.
//   int32  [P / 4] for q8_0, [P / 8] for q4_0: the initial value of each lane of a group, -128 or -8 times the sum of
//                  the lane's numbers. With it the weights can be taken as unsigned numbers.
//   float  [P / 32] The scales: max|x| / 127 of a block; NaN if a number of the block is not finite; 0 below 1e-30.
enum { RN_PREPARED = 512 };

int64_t rn_prepared_byte_count(int64_t inputs, int32_t is_q4);
void rn_prepare_row(void *row, const float *x, int64_t inputs, int32_t is_q4);

// ---- quantized_rows_512.c, quantized_rows_256.c, quantized_rows_portable.c
//
// y = x wᵀ for prepared rows. Each weight is read once for all of them. y [rows, outputs] with a stride; x: the
// prepared rows, one after the other; w [outputs, inputs] as q4_0 or q8_0, with scales [outputs, inputs / 32]; inputs
// is a multiple of 32. If `accumulate`, adds to y.
//
// 64 bytes of weights are a group. Lane l of 16 takes the exact integer sum over the bytes 4l … 4l + 3 of a group. It
// is multiplied by (scale of the weights · scale of the row). Each product and each sum is rounded. Groups are added in
// order, then the lanes in halves. So all implementations are bit-identical, for any number of rows.
#define RN_QUANTIZED_ROWS(name)                                                                                 \
  void name(float *y, const void *x, const void *w, const uint16_t *scales, int64_t rows, int64_t outputs,      \
            int64_t inputs, int64_t y_stride, int32_t is_q4, int32_t accumulate)

RN_QUANTIZED_ROWS(rn_quantized_rows_avx512_vnni);  // needs RN_CPU_AVX512 and RN_CPU_AVX512_VNNI
RN_QUANTIZED_ROWS(rn_quantized_rows_avx_vnni);     // needs RN_CPU_AVX2 and RN_CPU_AVX_VNNI
RN_QUANTIZED_ROWS(rn_quantized_rows_avx2);         // needs RN_CPU_AVX2
RN_QUANTIZED_ROWS(rn_quantized_rows_portable);

// ---- bf16_product.c, bf16_product_portable.c: C = A B with operands rounded to bfloat16 and sums in Float32.
//
// Operands are packed into panels first. A lane is a row of A or a column of B. A panel holds `width` lanes as
// [pairs][width][2]: pair p of a lane is its numbers 2p and 2p + 1 along the inner extent, pairs = (inner + 1) / 2.
// Rows of A are in panels of RN_BF16_ROWS, columns of B in panels of RN_BF16_COLUMNS.
//
// Rounding is to nearest, ties to even; NaN stays NaN, and a subnormal Float32 becomes a zero with its sign.
//
// A sum starts at zero and takes the pairs in order: first the product of the odd numbers, then that of the even ones.
// It is rounded after each product; products of two bfloat16 numbers are exact in Float32. So both implementations are
// bit-identical, except if a number within a sum is subnormal: the instruction makes it zero, the portable kernel keeps
// it.

enum { RN_BF16_ROWS = 8, RN_BF16_COLUMNS = 16 };

// Packs `lanes` lanes of `inner` numbers each. Zeros pad the lanes to a multiple of 16, and `inner` to whole pairs.
// width is 8 or 16. x [lanes, inner] if is_along, else [inner, lanes], with a stride; panels [lanes rounded up to a
// multiple of 16, divided by width][pairs][width][2].
void rn_bf16_pack(uint16_t *panels, const float *x, int64_t lanes, int64_t inner, int64_t stride, int32_t is_along,
                  int32_t width);
void rn_bf16_pack_portable(uint16_t *panels, const float *x, int64_t lanes, int64_t inner, int64_t stride,
                           int32_t is_along, int32_t width);

// Packs one panel of RN_BF16_COLUMNS columns from at most as many rows w [lanes, inner] of bfloat16, unchanged. The
// instruction takes a subnormal number as zero, so the result is that of rounding.
void rn_bf16_pack_weights(uint16_t *panel, const uint16_t *w, int64_t lanes, int64_t inner, int64_t stride);
void rn_bf16_pack_weights_portable(uint16_t *panel, const uint16_t *w, int64_t lanes, int64_t inner, int64_t stride);

// c = (accumulate ? c : 0) + a b. c [rows, columns] with a stride; a, b: packed panels of rows and of columns.
void rn_bf16_multiply(float *c, const uint16_t *a, const uint16_t *b, int64_t rows, int64_t columns, int64_t inner,
                      int64_t c_stride, int32_t accumulate);
void rn_bf16_multiply_portable(float *c, const uint16_t *a, const uint16_t *b, int64_t rows, int64_t columns,
                               int64_t inner, int64_t c_stride, int32_t accumulate);

// ---- activation.c

enum { RN_SILU = 0, RN_GELU = 1, RN_RELU = 2, RN_RELU_SQUARED = 3 };

// h = f(a) ⊙ b, where each row of ab [rows, 2·width] is a then b. h [rows, width].
void rn_glu_forward(float *h, const float *ab, int64_t rows, int64_t width, int32_t activation);

// Computes dab [rows, 2·width] from dh [rows, width]. dab may be ab.
void rn_glu_backward(float *dab, const float *dh, const float *ab, int64_t rows, int64_t width, int32_t activation);

// h = f(a), and da = dh ⊙ f'(a).
void rn_activation_forward(float *h, const float *a, int64_t count, int32_t activation);
void rn_activation_backward(float *da, const float *dh, const float *a, int64_t count, int32_t activation);

// ---- layer_norm.c

// y = w ⊙ (x - mean) rstd + b per row; mean, rstd [rows]; weight, bias [width] or NULL for ones and zeros.
void rn_layer_norm_forward(float *y, float *mean, float *rstd, const float *x, const float *weight, const float *bias,
                           int64_t rows, int64_t width, float eps);

// dx = addend + d(layerNorm)/dx; dweight, dbias += their gradients (NULL: not needed).
// addend may be NULL (zero) or dx itself.
void rn_layer_norm_backward(float *dx, float *dweight, float *dbias, const float *addend, const float *dy,
                            const float *x, const float *weight, const float *mean, const float *rstd, int64_t rows,
                            int64_t width);

// y[r, :] += bias; y [rows, width] with a stride.
void rn_add_bias(float *y, const float *bias, int64_t rows, int64_t width, int64_t stride);

// y += each row of x, in order; x [rows, width] with a stride, y [width].
void rn_sum_rows(float *y, const float *x, int64_t rows, int64_t width, int64_t stride);

#endif
