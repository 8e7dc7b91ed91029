/* SPDX-License-Identifier: MIT-0 */
#include "compiler/kernels/mcunet_kernels.h"
#include "compiler/kernels/mcunet_requantize.h"
#include "compiler/kernels/mcunet_sum_rows.h"

void mcunet_mean_rows(const int8_t* in, int8_t* out, int32_t* sums,
                      const mcunet_mean_rows_params* p, int32_t row) {
  /* Copies, since for all the compiler knows a store to out could change *p. */
  const int32_t multiplier = p->multiplier, shift = p->shift, channels = p->channels;
  const int32_t zero = p->out_zero, low = p->act_min, high = p->act_max;
  const uint32_t offset = (uint32_t)p->offset;
  mcunet_sum_row(in, sums, row == p->first_row, p->width, channels);
  if (row != p->last_row) return;
  for (int32_t c = 0; c < channels; ++c) {
    const int32_t sum = mcunet_signed((uint32_t)sums[c] - offset);
    out[c] = mcunet_output(mcunet_requantize(sum, multiplier, shift), zero, low, high);
  }
}
