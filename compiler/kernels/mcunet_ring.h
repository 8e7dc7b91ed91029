/* SPDX-License-Identifier: MIT-0 */
/* Where the rows under a window lie in a ring of rows: in order, but for one step back to slot 0.
 */
#ifndef MCUNET_RING_H
#define MCUNET_RING_H

#include "compiler/kernels/mcunet_simd.h"

/* The slot of a row y >= 0. A whole image, whose rows are all below in_rows, needs no division. */
MCUNET_INLINE int32_t mcunet_ring_slot(int32_t y, int32_t in_rows) {
  return y < in_rows ? y : y % in_rows;
}

/* The number of taps, of n that begin at first, which lie before end. */
MCUNET_INLINE int32_t mcunet_taps_before(int32_t end, int32_t first, int32_t dilation, int32_t n) {
  while (n > 0 && first + (n - 1) * dilation >= end) --n;
  return n;
}

#endif /* MCUNET_RING_H */
