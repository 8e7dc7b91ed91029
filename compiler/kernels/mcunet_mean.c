/* SPDX-License-Identifier: MIT-0 */
#include "compiler/kernels/mcunet_kernels.h"
#include "compiler/kernels/mcunet_requantize.h"
#include "compiler/kernels/mcunet_sum_rows.h"

/* The sums of `channels`, 1 or 4, a constant; four lie side by side. */
MCUNET_INLINE void mcunet_mean_sum(const int8_t* x, int32_t sums[4], int32_t channels,
                                   const mcunet_mean_params* p) {
  const int32_t* n = p->reduced;
  const int32_t* step = p->reduced_strides;
  for (int32_t i = 0; i < channels; ++i) sums[i] = 0;
  for (int32_t i = 0; i < n[0]; ++i, x += step[0]) {
    const int8_t* x1 = x;
    for (int32_t j = 0; j < n[1]; ++j, x1 += step[1]) {
      const int8_t* x2 = x1;
      for (int32_t k = 0; k < n[2]; ++k, x2 += step[2]) {
        if (channels == 4) {
          mcunet_sum_four(x2, sums, n[3], step[3]);
        } else {
          sums[0] = mcunet_sum_one(x2, sums[0], n[3], step[3]);
        }
      }
    }
  }
}

void mcunet_mean(const int8_t* in, int8_t* out, const mcunet_mean_params* p) {
  const int32_t last = MCUNET_MAX_REDUCE_DIMS - 1;
  const int32_t kept = p->kept[last], in_step = p->kept_in_strides[last],
                out_step = p->kept_out_strides[last];
  int32_t index[MCUNET_MAX_REDUCE_DIMS - 1] = {0, 0, 0};
  int32_t d;
  do {
    int32_t sums[4];
    for (int32_t n, c = 0; c < kept; c += n) {
      const int8_t* x = in + (ptrdiff_t)c * in_step;
      n = in_step == 1 && c + 4 <= kept ? 4 : 1;
      if (n == 4) {
        mcunet_mean_sum(x, sums, 4, p);
      } else {
        mcunet_mean_sum(x, sums, 1, p);
      }
      for (int32_t i = 0; i < n; ++i) {
        const int32_t sum = mcunet_signed((uint32_t)sums[i] - (uint32_t)p->offset);
        const int32_t scaled = mcunet_requantize(sum, p->multiplier, p->shift);
        out[(ptrdiff_t)(c + i) * out_step] =
            mcunet_output(scaled, p->out_zero, p->act_min, p->act_max);
      }
    }
    for (d = last - 1; d >= 0; --d) {
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
