/* SPDX-License-Identifier: MIT-0 */
/* What the fully connected kernels for int8 and int4 weights share. */
#ifndef MCUNET_FULLY_CONNECTED_H
#define MCUNET_FULLY_CONNECTED_H

#include "compiler/kernels/mcunet_kernels.h"
#include "compiler/kernels/mcunet_requantize.h"

/* For every 4 inputs the words (0, 2) and (1, 3), zeros behind the last one. */
MCUNET_INLINE void mcunet_fully_connected_widen(const int8_t* in, int16_t* x, int32_t in_c) {
  for (; in_c >= 4; in_c -= 4, in += 4, x += 4) {
    const uint32_t word = mcunet_load_s8x4(in);
    mcunet_store32(x, mcunet_sxtb16(word));
    mcunet_store32(x + 2, mcunet_sxtb16_ror8(word));
  }
  if (in_c > 0) {
    const uint32_t word = mcunet_load_s8_tail(in, in_c);
    mcunet_store32(x, mcunet_sxtb16(word));
    mcunet_store32(x + 2, mcunet_sxtb16_ror8(word));
  }
}

/* How sums become outputs. A copy, since for all the compiler knows a store to the output could
 * change the kernel's parameters. */
typedef struct mcunet_fully_connected_scales {
  const int32_t* multiplier;
  const int8_t* shift;
  int32_t step; /* from channel to channel */
  int32_t zero;
} mcunet_fully_connected_scales;

MCUNET_INLINE mcunet_fully_connected_scales
mcunet_fully_connected_scales_of(const mcunet_fully_connected_params* p) {
  const mcunet_fully_connected_scales s = {p->multiplier, p->shift, p->per_channel, p->out_zero};
  return s;
}

/* Two sums to two outputs, each with a scale of its own; the second lies `step` channels behind the
 * first, 0 or 1. Two at a time, since the steps of one wait for each other. */
MCUNET_INLINE void mcunet_fully_connected_store2(int8_t* out, uint32_t y0, uint32_t y1,
                                                 int32_t step, mcunet_fully_connected_scales* s) {
  const int32_t d = step * s->step;
  const mcunet_scale a = mcunet_scale_of(s->multiplier[0], s->shift[0], s->zero);
  const mcunet_scale b = mcunet_scale_of(s->multiplier[d], s->shift[d], s->zero);
  y0 <<= a.left, y1 <<= b.left;
  int32_t high0 = mcunet_high_mul_of_twice(mcunet_signed(y0), a.multiplier);
  int32_t high1 = mcunet_high_mul_of_twice(mcunet_signed(y1), b.multiplier);
  high0 = mcunet_rounding_shift_add(high0, a.right, a.zero);
  high1 = mcunet_rounding_shift_add(high1, b.right, b.zero);
  high0 = mcunet_saturate8(high0);
  high1 = mcunet_saturate8(high1);
  out[step] = (int8_t)high1;
  out[0] = (int8_t)high0;
  s->multiplier += s->step + d;
  s->shift += s->step + d;
}

#endif /* MCUNET_FULLY_CONNECTED_H */
