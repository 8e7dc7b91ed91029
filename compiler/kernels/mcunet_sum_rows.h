/* SPDX-License-Identifier: MIT-0 */
/* Sums over an image whose rows come one at a time. */
#ifndef MCUNET_SUM_ROWS_H
#define MCUNET_SUM_ROWS_H

#include "compiler/kernels/mcunet_simd.h"

/* Adds a row to the sums of n channels, 1 or 4, a constant. */
MCUNET_INLINE void mcunet_sum_channels(const int8_t* x, int32_t* sums, int32_t n, int32_t first,
                                       int32_t width, int32_t channels) {
  int32_t a = 0, b = 0, c = 0, d = 0;
  if (!first) {
    a = sums[0];
    if (n == 4) b = sums[1], c = sums[2], d = sums[3];
  }
  for (; width > 0; --width, x += channels) {
    a += x[0];
    if (n == 4) b += x[1], c += x[2], d += x[3];
  }
  sums[0] = a;
  if (n == 4) sums[1] = b, sums[2] = c, sums[3] = d;
}

/* Adds the row in[width][channels] to sums[channels], or begins them with it. */
MCUNET_INLINE void mcunet_sum_row(const int8_t* in, int32_t* sums, int32_t first, int32_t width,
                                  int32_t channels) {
  int32_t c = 0;
  for (; c + 4 <= channels; c += 4)
    mcunet_sum_channels(in + c, sums + c, 4, first, width, channels);
  for (; c < channels; ++c) mcunet_sum_channels(in + c, sums + c, 1, first, width, channels);
}

#endif /* MCUNET_SUM_ROWS_H */
