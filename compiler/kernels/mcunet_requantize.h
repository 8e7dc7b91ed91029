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

/* The value of [-128, 127] closest to x. Assembly, since compilers compare twice. */
MCUNET_INLINE int8_t mcunet_saturate_s8(int32_t x) {
#if MCUNET_DSP
  int32_t y;
  __asm__("ssat %0, #8, %1" : "=r"(y) : "r"(x));
  return (int8_t)y;
#else
  return (int8_t)mcunet_clamp(x, -128, 127);
#endif
}

/* How one channel of bounded sums is scaled: sums that, shifted left, stay below 2^31. */
typedef struct mcunet_scale {
  int32_t multiplier;
  int32_t left;  /* 1 and the left shift */
  int32_t right; /* 0 to 31 */
  int32_t zero;
} mcunet_scale;

MCUNET_INLINE mcunet_scale mcunet_scale_of(int32_t multiplier, int32_t shift, int32_t zero) {
  const int32_t left = shift > 0 ? shift : 0;
  const mcunet_scale scale = {multiplier, left + 1, left - shift, zero};
  return scale;
}

#if !MCUNET_DSP
MCUNET_INLINE uint32_t mcunet_scale1(uint32_t sum, mcunet_scale s) {
  const int32_t shift = s.left > 1 ? s.left - 1 : -s.right;
  return (uint32_t)mcunet_output(mcunet_requantize(mcunet_signed(sum), s.multiplier, shift), s.zero,
                                 -128, 127);
}
#endif

/* Four sums to four outputs in [-128, 127]. Seven instructions each, stores not counted: the
 * doubling high multiplication is SMMULR of twice the sum, and the rounding shift goes through the
 * carry as in mcunet_rounding_shift_right, to which ADC also adds the zero point. The order hides
 * latencies on a Cortex-M7. */
MCUNET_INLINE void mcunet_scale4(uint32_t y[4], mcunet_scale s) {
#if MCUNET_DSP
  uint32_t a = y[0], b = y[1], c = y[2], d = y[3];
  __asm__(
      "lsl %0, %0, %7\n\tlsl %1, %1, %7\n\t"
      "smmulr %0, %0, %4\n\tlsl %2, %2, %7\n\t"
      "smmulr %1, %1, %4\n\tlsl %3, %3, %7\n\t"
      "smmulr %2, %2, %4\n\tadds %0, %0, %0, asr #31\n\t"
      "smmulr %3, %3, %4\n\tasrs %0, %0, %5\n\t"
      "adc %0, %0, %6\n\tadds %1, %1, %1, asr #31\n\t"
      "asrs %1, %1, %5\n\tadc %1, %1, %6\n\tssat %0, #8, %0\n\t"
      "adds %2, %2, %2, asr #31\n\tasrs %2, %2, %5\n\tadc %2, %2, %6\n\tssat %1, #8, %1\n\t"
      "adds %3, %3, %3, asr #31\n\tasrs %3, %3, %5\n\tadc %3, %3, %6\n\tssat %2, #8, %2\n\t"
      "ssat %3, #8, %3"
      : "+r"(a), "+r"(b), "+r"(c), "+r"(d)
      : "r"(s.multiplier), "r"(s.right), "r"(s.zero), "r"(s.left)
      : "cc");
  y[0] = a, y[1] = b, y[2] = c, y[3] = d;
#else
  for (int32_t i = 0; i < 4; ++i) y[i] = mcunet_scale1(y[i], s);
#endif
}

/* Two of them. */
MCUNET_INLINE void mcunet_scale2(uint32_t y[2], mcunet_scale s) {
#if MCUNET_DSP
  uint32_t a = y[0], b = y[1];
  __asm__(
      "lsl %0, %0, %5\n\tlsl %1, %1, %5\n\t"
      "smmulr %0, %0, %2\n\tsmmulr %1, %1, %2\n\t"
      "adds %0, %0, %0, asr #31\n\tasrs %0, %0, %3\n\tadc %0, %0, %4\n\t"
      "adds %1, %1, %1, asr #31\n\tasrs %1, %1, %3\n\tadc %1, %1, %4\n\t"
      "ssat %0, #8, %0\n\tssat %1, #8, %1"
      : "+r"(a), "+r"(b)
      : "r"(s.multiplier), "r"(s.right), "r"(s.zero), "r"(s.left)
      : "cc");
  y[0] = a, y[1] = b;
#else
  for (int32_t i = 0; i < 2; ++i) y[i] = mcunet_scale1(y[i], s);
#endif
}

/* The doubling high multiplication of half of `twice`, which fits in 31 bits; one SMMULR. */
MCUNET_INLINE int32_t mcunet_high_mul_of_twice(int32_t twice, int32_t b) {
#if MCUNET_DSP
  int32_t high;
  __asm__("smmulr %0, %1, %2" : "=r"(high) : "r"(twice), "r"(b));
  return high;
#else
  return mcunet_doubling_high_mul(twice / 2, b);
#endif
}

/* mcunet_rounding_shift_right and an addition. */
MCUNET_INLINE int32_t mcunet_rounding_shift_add(int32_t x, int32_t n, int32_t addend) {
#if MCUNET_DSP
  int32_t y;
  __asm__("adds %0, %1, %1, asr #31\n\tasrs %0, %0, %2\n\tadc %0, %0, %3"
          : "=&r"(y)
          : "r"(x), "r"(n), "r"(addend)
          : "cc");
  return y;
#else
  return mcunet_rounding_shift_right(x, n) + addend;
#endif
}

/* The value of [-128, 127] closest to x. */
MCUNET_INLINE int32_t mcunet_saturate8(int32_t x) {
#if MCUNET_DSP
  int32_t y;
  __asm__("ssat %0, #8, %1" : "=r"(y) : "r"(x));
  return y;
#else
  return mcunet_clamp(x, -128, 127);
#endif
}

/* Brings outputs of the full int8 range into [low, high], where that is narrower. */
MCUNET_INLINE void mcunet_narrow(int8_t* out, int32_t n, int32_t low, int32_t high) {
  if (low == -128 && high == 127) return;
  for (int32_t i = 0; i < n; ++i) out[i] = (int8_t)mcunet_clamp(out[i], low, high);
}

#endif /* MCUNET_REQUANTIZE_H */
