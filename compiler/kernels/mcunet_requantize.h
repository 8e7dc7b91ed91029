/* SPDX-License-Identifier: MIT-0 */
/* Fixed-point scaling exactly as TensorFlow Lite rounds it (kernels/internal/common.cc, gemmlowp's
 * fixedpoint.h). */
#ifndef MCUNET_REQUANTIZE_H
#define MCUNET_REQUANTIZE_H

#include "compiler/kernels/mcunet_simd.h"

/* The 32 bits of an accumulator as a signed number. */
MCUNET_INLINE int32_t mcunet_signed(uint32_t bits) {
  int32_t value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* SaturatingRoundingDoublingHighMul: floor((a * b + 2^30) / 2^31), INT32_MAX for INT32_MIN *
 * INT32_MIN. */
MCUNET_INLINE int32_t mcunet_doubling_high_mul(int32_t a, int32_t b) {
#if MCUNET_DSP
  /* 2 * high + bit 31 + bit 30 of the low word; QDADD's saturation is just the one that is asked
   * for. */
  uint32_t low;
  int32_t high;
  __asm__("smull %0, %1, %2, %3\n\tlsrs %0, %0, #31\n\tadc %0, %0, #0\n\tqdadd %1, %0, %1"
          : "=&r"(low), "=&r"(high)
          : "r"(a), "r"(b)
          : "cc");
  return high;
#else
  const uint64_t sum = (uint64_t)((int64_t)a * b) + ((uint64_t)1 << 30);
  if (a == INT32_MIN && b == INT32_MIN) return INT32_MAX;
  return mcunet_signed((uint32_t)(sum >> 31));
#endif
}

/* RoundingDivideByPOT: x / 2^n, halves away from zero. 0 <= n <= 31, x > INT32_MIN (any
 * doubling_high_mul). */
MCUNET_INLINE int32_t mcunet_rounding_shift_right(int32_t x, int32_t n) {
#if MCUNET_DSP
  /* The bit shifted out last goes through the carry; for n = 0 the carry still is that of the first
   * addition, which undoes it. */
  int32_t y;
  __asm__("adds %0, %1, %1, asr #31\n\tasrs %0, %0, %2\n\tadc %0, %0, #0"
          : "=&r"(y)
          : "r"(x), "r"(n)
          : "cc");
  return y;
#else
  const int32_t mask = (int32_t)(((uint32_t)1 << n) - 1u);
  return (x >> n) + ((x & mask) > ((mask >> 1) + (x < 0)) ? 1 : 0);
#endif
}

/* MultiplyByQuantizedMultiplier: x * multiplier * 2^(shift - 31), rounded twice. -31 <= shift <=
 * 31; a left shift wraps modulo 2^32. */
MCUNET_INLINE int32_t mcunet_requantize(int32_t x, int32_t multiplier, int32_t shift) {
  const int32_t left = shift > 0 ? shift : 0;
  const int32_t right = left - shift;
  const int32_t high = mcunet_doubling_high_mul(mcunet_signed((uint32_t)x << left), multiplier);
  return mcunet_rounding_shift_right(high, right);
}

/* The value of [low, high] closest to x. */
MCUNET_INLINE int32_t mcunet_clamp(int32_t x, int32_t low, int32_t high) {
  const int32_t bounded = x < low ? low : x;
  return bounded > high ? high : bounded;
}

/* x + zero, clamped to [low, high]: cannot overflow. */
MCUNET_INLINE int8_t mcunet_output(int32_t x, int32_t zero, int32_t low, int32_t high) {
  return (int8_t)(mcunet_clamp(x, low - zero, high - zero) + zero);
}

#endif /* MCUNET_REQUANTIZE_H */
