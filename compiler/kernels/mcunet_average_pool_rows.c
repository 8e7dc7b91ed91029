/* SPDX-License-Identifier: MIT-0 */
#include "compiler/kernels/mcunet_kernels.h"
#include "compiler/kernels/mcunet_requantize.h"
#include "compiler/kernels/mcunet_sum_rows.h"

void mcunet_average_pool_rows(const int8_t* in, int8_t* out, int32_t* sums,
                              const mcunet_average_pool_rows_params* p, int32_t row) {
  const int32_t channels = p->channels, count = p->count, half = count / 2;
  const int32_t low = p->act_min, high = p->act_max;
  mcunet_sum_row(in, sums, row == p->first_row, p->width, channels);
  if (row != p->last_row) return;
  for (int32_t c = 0; c < channels; ++c) {
    const int32_t sum = sums[c];
    out[c] = (int8_t)mcunet_clamp((sum > 0 ? sum + half : sum - half) / count, low, high);
  }
}
