/* SPDX-License-Identifier: MIT-0 */
#include "compiler/kernels/mcunet_kernels.h"
#include "compiler/kernels/mcunet_requantize.h"

void mcunet_conv_1x1_any(const int8_t* in, int8_t* out, int16_t* scratch,
                         const mcunet_conv_1x1_any_params* p) {
  const int32_t in_c = p->in_c, out_c = p->out_c;
  for (int32_t n = p->pixels; n > 0; --n, in += in_c, out += out_c) {
    for (int32_t k = 0; k < in_c; ++k) scratch[k] = in[k];
    const int8_t* w = p->weights;
    for (int32_t c = 0; c < out_c; ++c) {
      uint32_t sum = (uint32_t)p->bias[c];
      for (int32_t k = 0; k < in_c; ++k, ++w) sum += (uint32_t)(scratch[k] * *w);
      const int32_t scaled = mcunet_requantize(mcunet_signed(sum), p->multiplier[c], p->shift[c]);
      out[c] = mcunet_output(scaled, p->out_zero, p->act_min, p->act_max);
    }
  }
}
