/* SPDX-License-Identifier: MIT-0 */
#include "compiler/kernels/mcunet_kernels.h"
#include "compiler/kernels/mcunet_requantize.h"

MCUNET_INLINE int32_t mcunet_mean_sum(const int8_t* x, const mcunet_mean_params* p) {
  const int32_t* n = p->reduced;
  const int32_t* step = p->reduced_strides;
  int32_t sum = 0;
  for (int32_t i = 0; i < n[0]; ++i, x += step[0]) {
    const int8_t* x1 = x;
    for (int32_t j = 0; j < n[1]; ++j, x1 += step[1]) {
      const int8_t* x2 = x1;
      for (int32_t k = 0; k < n[2]; ++k, x2 += step[2]) {
        const int8_t* x3 = x2;
        for (int32_t l = n[3]; l > 0; --l, x3 += step[3]) sum += *x3;
      }
    }
  }
  return sum;
}

void mcunet_mean(const int8_t* in, int8_t* out, const mcunet_mean_params* p) {
  int32_t index[MCUNET_MAX_REDUCE_DIMS] = {0, 0, 0, 0};
  int32_t d;
  do {
    const uint32_t sum = (uint32_t)mcunet_mean_sum(in, p) - (uint32_t)p->offset;
    const int32_t scaled = mcunet_requantize(mcunet_signed(sum), p->multiplier, p->shift);
    *out = mcunet_output(scaled, p->out_zero, p->act_min, p->act_max);
    for (d = MCUNET_MAX_REDUCE_DIMS - 1; d >= 0; --d) {
      if (++index[d] < p->kept[d]) {
        in += p->kept_in_strides[d];
        out += p->kept_out_strides[d];
        break;
      }
      index[d] = 0;
      in -= (ptrdiff_t)(p->kept[d] - 1) * p->kept_in_strides[d];
      out -= (ptrdiff_t)(p->kept[d] - 1) * p->kept_out_strides[d];
    }
  } while (d >= 0);
}
