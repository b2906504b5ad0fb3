// Plain loops over arrays, gathers, and the optimizer's update.
#include "kernels.h"
#include "lanes.h"

RN_KERNEL
void rn_exponential(float *y, const float *x, int64_t count) {
  RN_EACH for (int64_t i = 0; i < count; i++) y[i] = rn_exp(x[i]);
}

RN_KERNEL
void rn_add(float *y, const float *x, int64_t count) {
  RN_EACH for (int64_t i = 0; i < count; i++) y[i] += x[i];
}

RN_KERNEL
void rn_scale(float *y, float factor, int64_t count) {
  RN_EACH for (int64_t i = 0; i < count; i++) y[i] *= factor;
}

RN_KERNEL
void rn_add_scaled(float *y, const float *x, float factor, int64_t count) {
  RN_EACH for (int64_t i = 0; i < count; i++) y[i] += factor * x[i];
}

// Σ x y in Float64: term i goes to lane i mod 16, and the lanes are added in order.
RN_INLINE double sum_of_products(const float *x, const float *y, int64_t count) {
  double lane[RN_LANES] = {0}, sum = 0;
  int64_t i = 0;
  for (; i + RN_LANES <= count; i += RN_LANES)
    for (int l = 0; l < RN_LANES; l++) lane[l] += (double)x[i + l] * (double)y[i + l];
  for (int l = 0; i < count; i++, l++) lane[l] += (double)x[i] * (double)y[i];
  for (int l = 0; l < RN_LANES; l++) sum += lane[l];
  return sum;
}

RN_KERNEL
void rn_weighted_sum(float *y, const float *x, const float *z, float x_factor, float z_factor, int64_t count) {
  RN_EACH for (int64_t i = 0; i < count; i++) y[i] = x_factor * x[i] + z_factor * z[i];
}

RN_KERNEL
void rn_weighted_sum_backward(float *dx, float *dz, float *dx_factor, float *dz_factor, const float *dy, const float *x,
                              const float *z, float x_factor, float z_factor, int64_t count) {
  *dx_factor = (float)sum_of_products(dy, x, count);
  *dz_factor = (float)sum_of_products(dy, z, count);
  RN_EACH for (int64_t i = 0; i < count; i++) {
    float upstream = dy[i];
    dz[i] += z_factor * upstream;
    dx[i] = x_factor * upstream;
  }
}

RN_KERNEL
double rn_sum_of_squares(const float *x, int64_t count) { return sum_of_products(x, x, count); }

RN_KERNEL
float rn_read(const float *x, int64_t count) {
  enum { SUMS = 4 * RN_LANES };
  float lane[SUMS] = {0};
  for (int64_t i = 0; i + SUMS <= count; i += SUMS)
    RN_EACH for (int l = 0; l < SUMS; l++) lane[l] += x[i + l];
  for (int l = RN_LANES; l < SUMS; l++) lane[l % RN_LANES] += lane[l];
  return rn_sum_lanes(lane);
}

void rn_gather_rows(float *y, const float *table, const int32_t *ids, int64_t rows, int64_t width) {
  for (int64_t r = 0; r < rows; r++) memcpy(y + r * width, table + ids[r] * width, (size_t)width * sizeof(float));
}

RN_KERNEL
void rn_scatter_add_rows(float *table, const float *dy, const int32_t *ids, int64_t rows, int64_t width,
                         int64_t first_column, int64_t columns) {
  for (int64_t r = 0; r < rows; r++) {
    float *to = table + ids[r] * width + first_column;
    const float *from = dy + r * width + first_column;
    RN_EACH for (int64_t i = 0; i < columns; i++) to[i] += from[i];
  }
}

RN_KERNEL
void rn_adamw(float *parameter, float *first_moment, float *second_moment, const float *gradient, int64_t count,
              float gradient_scale, float learning_rate, float beta1, float beta2, float epsilon, float decay,
              float least_agreement, float correction1, float correction2) {
  float step = learning_rate / correction1, root = 1.0f / rn_sqrt(correction2);
  RN_EACH for (int64_t i = 0; i < count; i++) {
    float g = gradient[i] * gradient_scale;
    float m = beta1 * first_moment[i] + (1.0f - beta1) * g;
    float v = beta2 * second_moment[i] + (1.0f - beta2) * g * g;
    first_moment[i] = m;
    second_moment[i] = v;
    // Not p (1 - decay): in Float32 that factor loses the digits of a small decay.
    float p = parameter[i], decayed = m * p >= least_agreement ? p : 0.0f;
    parameter[i] = p - (decay * decayed + step * m / (rn_sqrt(v) * root + epsilon));
  }
}

RN_KERNEL
void rn_nesterov(float *direction, float *momentum, const float *gradient, int64_t count, float gradient_scale,
                 float beta) {
  RN_EACH for (int64_t i = 0; i < count; i++) {
    float g = gradient[i] * gradient_scale;
    float m = beta * momentum[i] + g;
    momentum[i] = m;
    direction[i] = beta * m + g;
  }
}

RN_KERNEL
void rn_descend(float *parameter, const float *direction, int64_t count, float rate, float decay,
                float least_agreement) {
  RN_EACH for (int64_t i = 0; i < count; i++) {
    float p = parameter[i], d = direction[i], decayed = d * p >= least_agreement ? p : 0.0f;
    parameter[i] = p - (decay * decayed + rate * d);
  }
}

RN_KERNEL
void rn_move_towards(float *y, const float *x, float weight, int64_t count) {
  RN_EACH for (int64_t i = 0; i < count; i++) y[i] += weight * (x[i] - y[i]);
}

void rn_exchange(float *x, float *y, int64_t count) {
  RN_EACH for (int64_t i = 0; i < count; i++) {
    float before = x[i];
    x[i] = y[i];
    y[i] = before;
  }
}

void rn_transpose(float *y, const float *x, int64_t rows, int64_t columns) {
  enum { TILE = 16 };
  for (int64_t row = 0; row < rows; row += TILE)
    for (int64_t column = 0; column < columns; column += TILE) {
      int64_t row_end = row + TILE < rows ? row + TILE : rows;
      int64_t column_end = column + TILE < columns ? column + TILE : columns;
      for (int64_t c = column; c < column_end; c++)
        for (int64_t r = row; r < row_end; r++) y[c * rows + r] = x[r * columns + c];
    }
}
