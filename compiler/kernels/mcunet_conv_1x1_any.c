/* SPDX-License-Identifier: MIT-0 */
#include "compiler/kernels/mcunet_kernels.h"
#include "compiler/kernels/mcunet_requantize.h"

/* The sum of one channel of a pixel that lies widened in x; w: the weights of its pair. */
MCUNET_INLINE uint32_t mcunet_conv_1x1_any_sum(const int16_t* x, const int8_t* w, int32_t k4,
                                               uint32_t sum) {
  for (int32_t k = 0; k < k4; k += 4, w += 8) {
    for (int32_t i = 0; i < 4; ++i) {
      const int32_t weight = w[i / 2 * 2 + i % 2 * 4]; /* u0 . u2 . u1 . u3 */
      sum += (uint32_t)(x[k + i] * weight);
    }
  }
  return sum;
}

void mcunet_conv_1x1_any(const int8_t* in, int8_t* out, int16_t* scratch,
                         const mcunet_conv_1x1_params* p) {
  const int32_t in_c = p->in_c, out_c = p->out_c, k4 = MCUNET_ROUND_UP_4(in_c);
  for (int32_t n = p->pixels; n > 0; --n, in += in_c, out += out_c) {
    for (int32_t k = 0; k < k4; ++k) scratch[k] = k < in_c ? in[k] : 0;
    for (int32_t c = 0; c < out_c; ++c) {
      const int8_t* w = p->weights + (ptrdiff_t)(c / 2) * 2 * k4 + c % 2;
      const uint32_t sum = mcunet_conv_1x1_any_sum(scratch, w, k4, (uint32_t)p->bias[c]);
      const int32_t scaled = mcunet_requantize(mcunet_signed(sum), p->multiplier[c], p->shift[c]);
      out[c] = mcunet_output(scaled, p->out_zero, p->act_min, p->act_max);
    }
  }
}
