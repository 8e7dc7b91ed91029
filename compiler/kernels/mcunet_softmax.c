/* SPDX-License-Identifier: MIT-0 */
#include "compiler/kernels/mcunet_kernels.h"
#include "compiler/kernels/mcunet_requantize.h"

/* x * 2^n, saturating. */
MCUNET_INLINE int32_t mcunet_softmax_shift_left(int32_t x, int32_t n) {
  if (x > INT32_MAX >> n) return INT32_MAX;
  if (x < -(INT32_MAX >> n) - 1) return INT32_MIN;
  return mcunet_signed((uint32_t)x << n);
}

/* 1 / (1 + x) for x in [0, 1), both Q0.31, by three Newton-Raphson steps in Q2.29: gemmlowp's
 * one_over_one_plus_x_for_x_in_0_1. */
MCUNET_INLINE int32_t mcunet_softmax_reciprocal(int32_t x) {
  const int32_t half_denominator = (int32_t)(((int64_t)x + INT32_MAX + 1) / 2);
  int32_t y =
      1515870810 + mcunet_doubling_high_mul(half_denominator, -1010580540); /* 48/17 - 32/17 * d */
  for (int32_t i = 0; i < 3; ++i) {
    const int32_t error = (1 << 29) - mcunet_doubling_high_mul(half_denominator, y);
    y += mcunet_softmax_shift_left(mcunet_doubling_high_mul(y, error), 2);
  }
  return mcunet_softmax_shift_left(y, 1);
}

void mcunet_softmax(const int8_t* in, int8_t* out, const mcunet_softmax_params* p) {
  const int32_t depth = p->depth;
  for (int32_t row = 0; row < p->rows; ++row, in += depth, out += depth) {
    int32_t maximum = INT8_MIN;
    for (int32_t i = 0; i < depth; ++i) maximum = in[i] > maximum ? in[i] : maximum;
    uint32_t sum = 0; /* Q12.19 */
    for (int32_t i = 0; i < depth; ++i)
      sum += (uint32_t)mcunet_rounding_shift_right(p->exp[maximum - in[i]], 12);
    /* sum = (1 + x) * 2^(12 - zeros - 1), x in [0, 1). It is at least 2^19 once exp[0] is 1. */
    int32_t zeros = 0;
    for (uint32_t bits = sum; bits != 0 && bits < 0x80000000u; bits <<= 1) ++zeros;
    const int32_t scale =
        mcunet_softmax_reciprocal(mcunet_signed((sum << (zeros & 31)) ^ 0x80000000u));
    const int32_t shift = 12 - zeros + 31 - 8;
    for (int32_t i = 0; i < depth; ++i) {
      const int32_t product = mcunet_doubling_high_mul(scale, p->exp[maximum - in[i]]);
      /* Beyond 31 bits (500 equal elements) nothing is left, and the shift would be undefined. */
      const int32_t y = shift > 31 ? 0 : mcunet_rounding_shift_right(product, shift);
      out[i] = (int8_t)mcunet_clamp(y - 128, INT8_MIN, INT8_MAX);
    }
  }
}
