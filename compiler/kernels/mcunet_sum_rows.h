/* SPDX-License-Identifier: MIT-0 */
/* Sums over pixels. */
#ifndef MCUNET_SUM_ROWS_H
#define MCUNET_SUM_ROWS_H

#include "compiler/kernels/mcunet_simd.h"

/* Adds n elements of four channels, `step` bytes from one to the next. */
MCUNET_INLINE void mcunet_sum_four(const int8_t* x, int32_t sums[4], int32_t n, int32_t step) {
  while (n > 0) {
    /* 256 times -128 is the least that 16 bits can hold. */
    const int32_t some = n < 256 ? n : 256;
    uint32_t s02 = 0, s13 = 0;
    for (int32_t i = some; i > 0; --i, x += step) {
      const uint32_t word = mcunet_load_s8x4(x);
      s02 = mcunet_sxtab16(s02, word);
      s13 = mcunet_sxtab16_ror8(s13, word);
    }
    sums[0] += mcunet_low16(s02);
    sums[1] += mcunet_low16(s13);
    sums[2] += mcunet_high16(s02);
    sums[3] += mcunet_high16(s13);
    n -= some;
  }
}

/* Adds n elements of one channel, likewise. */
MCUNET_INLINE int32_t mcunet_sum_one(const int8_t* x, int32_t sum, int32_t n, int32_t step) {
  for (; n > 0; --n, x += step) sum += *x;
  return sum;
}

/* Adds the row in[width][channels] to sums[channels], or begins them with it. */
MCUNET_INLINE void mcunet_sum_row(const int8_t* in, int32_t* sums, int32_t first, int32_t width,
                                  int32_t channels) {
  int32_t c = 0;
  if (first) {
    for (; c < channels; ++c) sums[c] = 0;
  }
  for (c = 0; c + 4 <= channels; c += 4) mcunet_sum_four(in + c, sums + c, width, channels);
  for (; c < channels; ++c) sums[c] = mcunet_sum_one(in + c, sums[c], width, channels);
}

#endif /* MCUNET_SUM_ROWS_H */
