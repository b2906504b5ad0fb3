// Shared code of the row kernels: dispatch, loop hints, sums in sixteen lanes, and e^x.
//
// A kernel marked RN_KERNEL is compiled for three x86-64 levels; the dynamic linker chooses one at load time. Loops are
// plain and left to the vectoriser. Only sums fix an order: term i goes to lane i mod 16, and the lanes are added in
// halves (by rn_sum_of_squares in order). The order is the same on every CPU; rounding may differ, with or without
// fused multiply-add.
#ifndef RN_LANES_H
#define RN_LANES_H

#include <stdint.h>
#include <string.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define RN_SANITIZED  // ifunc resolvers run before the sanitizer is ready
#endif
#endif

#if defined(__x86_64__) && defined(__GLIBC__) && defined(RN_SANITIZED)
#define RN_KERNEL __attribute__((target("arch=x86-64-v3")))
#elif defined(__x86_64__) && defined(__GLIBC__)
#define RN_KERNEL __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define RN_KERNEL
#endif

#define RN_INLINE static inline __attribute__((always_inline))

// Marks a loop whose iterations touch only their own index of each array. Two arrays may be the same.
#define RN_EACH _Pragma("clang loop vectorize(assume_safety) interleave(enable)")

enum { RN_LANES = 16 };

// Prefetches the weights that a stream needs next into the second-level cache. The hardware prefetcher stops at each
// page of 4 KiB. 1,024 bytes ahead was the best of 512 … 4,096, and better than the first-level cache (Zen 4).
RN_INLINE void rn_ask_ahead(const void *weights) { __builtin_prefetch((const char *)weights + 1024, 0, 2); }

// sum ← the sum of `term` for i in 0 ..< count. `i` names the index; lanes as described above.
#define RN_SUM(sum, i, count, term)                                      \
  do {                                                                   \
    float lane_[RN_LANES] = {0};                                         \
    int64_t whole_ = (count) / RN_LANES * RN_LANES;                      \
    for (int64_t b_ = 0; b_ < whole_; b_ += RN_LANES)                    \
      RN_EACH for (int64_t l_ = 0; l_ < RN_LANES; l_++) {                \
        int64_t i = b_ + l_;                                             \
        lane_[l_] += (term);                                             \
      }                                                                  \
    for (int64_t i = whole_; i < (count); i++) lane_[i - whole_] += (term); \
    (sum) = rn_sum_lanes(lane_);                                         \
  } while (0)

RN_INLINE float rn_sum_lanes(float *lane) {
  for (int width = RN_LANES / 2; width > 0; width /= 2)
    for (int l = 0; l < width; l++) lane[l] += lane[l + width];
  return lane[0];
}

// The largest of at least one number.
RN_INLINE float rn_maximum(const float *x, int64_t count) {
  float lane[RN_LANES];
  for (int l = 0; l < RN_LANES; l++) lane[l] = x[0];
  int64_t whole = count / RN_LANES * RN_LANES;
  for (int64_t b = 0; b < whole; b += RN_LANES)
    RN_EACH for (int64_t l = 0; l < RN_LANES; l++) lane[l] = x[b + l] > lane[l] ? x[b + l] : lane[l];
  float most = lane[0];
  for (int l = 1; l < RN_LANES; l++) most = lane[l] > most ? lane[l] : most;
  for (int64_t i = whole; i < count; i++) most = x[i] > most ? x[i] : most;
  return most;
}

RN_INLINE float rn_float(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

RN_INLINE uint32_t rn_bits(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

// The square root without errno, which would prevent vectorisation.
RN_INLINE float rn_sqrt(float x) { return __builtin_elementwise_sqrt(x); }

// e^x within 2 ULP where the result is normal (ExponentialTests measures it); 0 below -87.3, where it is not normal.
//
// x = n ln 2 + r with |r| ≤ ½ ln 2. e^r is its Taylor polynomial of degree 7 (remainder below 2^-27). Then n is added
// to the exponent, in two halves, so that n = 128 does not overflow the exponent field.
RN_INLINE float rn_exp(float x) {
  float bounded = x < -87.33654f ? -87.33654f : (x > 88.8f ? 88.8f : x);
  const float magic = 12582912.0f;  // 1.5 · 2^23: adding it leaves the rounded integer in the low bits
  float shifted = bounded * 1.44269504f + magic;
  int32_t exponent = (int32_t)(rn_bits(shifted) - rn_bits(magic));
  float n = shifted - magic;
  float r = bounded - n * 0.693145752f;  // ln 2 in two parts; the first has trailing zeros, so n · part is exact
  r = r - n * 1.42860677e-6f;
  float p = 1.0f / 5040.0f;
  p = p * r + 1.0f / 720.0f;
  p = p * r + 1.0f / 120.0f;
  p = p * r + 1.0f / 24.0f;
  p = p * r + 1.0f / 6.0f;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  int32_t half = exponent >> 1;
  float y = p * rn_float((uint32_t)(half + 127) << 23) * rn_float((uint32_t)(exponent - half + 127) << 23);
  y = x < -87.33654f ? 0.0f : y;
  return x != x ? x : y;
}

// 1 / (1 + e^-x).
RN_INLINE float rn_sigmoid(float x) { return 1.0f / (1.0f + rn_exp(-x)); }

#endif
