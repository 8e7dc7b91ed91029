/* SPDX-License-Identifier: MIT-0 */
/* int4 weights, two in a byte. Four bytes hold, in their high halves, the weights that four bytes
 * of the kernel for int8 would, and in their low halves those of the four bytes after them.
 * Unpacked they stay in the high halves, so that a weight is 16 times what it should be, and so are
 * the sums: they are exact as long as they fit in 32 bits, which they do with fewer than 2^17
 * products. */
#ifndef MCUNET_NIBBLES_H
#define MCUNET_NIBBLES_H

#include "compiler/kernels/mcunet_requantize.h"

MCUNET_INLINE uint32_t mcunet_high_nibbles(uint32_t word) { return word & 0xf0f0f0f0u; }
MCUNET_INLINE uint32_t mcunet_low_nibbles(uint32_t word) { return (word << 4) & 0xf0f0f0f0u; }

/* The sum of products from 16 times that, and the bias. */
MCUNET_INLINE uint32_t mcunet_nibble_sum(uint32_t sum, int32_t bias) {
  return (uint32_t)bias + (uint32_t)(mcunet_signed(sum) >> 4);
}

#endif /* MCUNET_NIBBLES_H */
