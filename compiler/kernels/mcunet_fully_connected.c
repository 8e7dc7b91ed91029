/* SPDX-License-Identifier: MIT-0 */
#include "compiler/kernels/mcunet_kernels.h"
#include "compiler/kernels/mcunet_requantize.h"

void mcunet_fully_connected(const int8_t* in, int8_t* out, int16_t* scratch,
                            const mcunet_fully_connected_params* p) {
  const int32_t in_c = p->in_c, out_c = p->out_c;
  const int32_t zero = p->out_zero, low = p->act_min, high = p->act_max;
  const int32_t k4 = MCUNET_ROUND_UP_4(in_c);
  for (int32_t row = 0; row < p->rows; ++row, in += in_c, out += out_c) {
    int32_t k = 0;
    for (; k + 4 <= in_c; k += 4) {
      const uint32_t word = mcunet_load_s8x4(in + k);
      mcunet_store32(scratch + k, mcunet_sxtb16(word));
      mcunet_store32(scratch + k + 2, mcunet_sxtb16_ror8(word));
    }
    if (k < in_c) {
      const uint32_t word = mcunet_load_s8_tail(in + k, in_c - k);
      mcunet_store32(scratch + k, mcunet_sxtb16(word));
      mcunet_store32(scratch + k + 2, mcunet_sxtb16_ror8(word));
    }
    /* An odd last channel is its own neighbour, computed and stored twice. */
    for (int32_t c = 0; c < out_c; c += 2) {
      const int32_t d = c + 1 < out_c ? c + 1 : c;
      const int8_t* w0 = p->weights + (ptrdiff_t)c * k4;
      const int8_t* w1 = p->weights + (ptrdiff_t)d * k4;
      const int8_t* end = w0 + k4;
      const int16_t* x = scratch;
      uint32_t sum0 = (uint32_t)p->bias[c], sum1 = (uint32_t)p->bias[d];
      do {
        const uint32_t u = mcunet_load_s8x4(w0), v = mcunet_load_s8x4(w1);
        const uint32_t x02 = mcunet_load32(x), x13 = mcunet_load32(x + 2);
        sum0 = mcunet_smlad(x02, mcunet_sxtb16(u), sum0);
        sum1 = mcunet_smlad(x02, mcunet_sxtb16(v), sum1);
        sum0 = mcunet_smlad(x13, mcunet_sxtb16_ror8(u), sum0);
        sum1 = mcunet_smlad(x13, mcunet_sxtb16_ror8(v), sum1);
        w0 += 4;
        w1 += 4;
        x += 4;
      } while (w0 != end);
      const int32_t i = p->per_channel ? c : 0, j = p->per_channel ? d : 0;
      const int32_t y0 = mcunet_requantize(mcunet_signed(sum0), p->multiplier[i], p->shift[i]);
      const int32_t y1 = mcunet_requantize(mcunet_signed(sum1), p->multiplier[j], p->shift[j]);
      out[c] = mcunet_output(y0, zero, low, high);
      out[d] = mcunet_output(y1, zero, low, high);
    }
  }
}
