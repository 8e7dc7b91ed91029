/* SPDX-License-Identifier: MIT-0 */
#include "compiler/kernels/mcunet_conv_block.h"

/* Widens up to `pixels` pixels, n of them, of in_c channels. For every 4 channels: the words (0, 2)
 * of all pixels, then the words (1, 3) of all, so that the multiplying loop reads along one
 * pointer. */
MCUNET_INLINE void mcunet_conv_1x1_widen(const int8_t* in, uint32_t* out, int32_t in_c, int32_t n,
                                         int32_t pixels) {
  for (; n > 0; --n, ++out) {
    uint32_t* x = out;
    int32_t c = in_c;
    for (; c >= 4; c -= 4, in += 4, x += 2 * pixels) {
      const uint32_t word = mcunet_load_s8x4(in);
      x[0] = mcunet_sxtb16(word);
      x[pixels] = mcunet_sxtb16_ror8(word);
    }
    if (c > 0) {
      const uint32_t word = mcunet_load_s8_tail(in, c);
      x[0] = mcunet_sxtb16(word);
      x[pixels] = mcunet_sxtb16_ror8(word);
      in += c;
    }
  }
}

/* Four pixels of in_c channels, a multiple of 4. */
MCUNET_INLINE void mcunet_conv_1x1_widen_four(const int8_t* in, uint32_t* out, int32_t in_c) {
  const int8_t *in1 = in + in_c, *in2 = in1 + in_c, *in3 = in2 + in_c;
  const int8_t* const end = in1;
  int8_t* to = (int8_t*)out;
  uint32_t a, b, c, d, first;
  do {
    MCUNET_FETCH_NEXT(a, in);
    MCUNET_FETCH_NEXT(b, in1);
    MCUNET_FIRST_PAIR(first, a);
    MCUNET_FETCH_NEXT(c, in2);
    MCUNET_SECOND_PAIR(a, a);
    MCUNET_STORE_NEXT(first, to);
    MCUNET_FIRST_PAIR(first, b);
    MCUNET_FETCH_NEXT(d, in3);
    MCUNET_SECOND_PAIR(b, b);
    MCUNET_STORE_NEXT(first, to);
    MCUNET_FIRST_PAIR(first, c);
    MCUNET_SECOND_PAIR(c, c);
    MCUNET_STORE_NEXT(first, to);
    MCUNET_FIRST_PAIR(first, d);
    MCUNET_SECOND_PAIR(d, d);
    MCUNET_STORE_NEXT(first, to);
    MCUNET_STORE_NEXT(a, to);
    MCUNET_STORE_NEXT(b, to);
    MCUNET_STORE_NEXT(c, to);
    MCUNET_STORE_NEXT(d, to);
  } while (in != end);
}

void mcunet_conv_1x1(const int8_t* in, int8_t* out, int16_t* scratch,
                     const mcunet_conv_1x1_params* p) {
  const int32_t in_c = p->in_c, out_c = p->out_c;
  uint32_t* x = (uint32_t*)(void*)scratch;
  const mcunet_conv_block block = {(const uint32_t*)p->constants, p->out_zero, out_c,
                                   MCUNET_CONV_BLOCK_DEPTH(in_c), out_c};
  for (int32_t left = p->pixels; left > 0; left -= 4, in += 4 * in_c, out += 4 * out_c) {
    const int32_t n = left < 4 ? left : 4;
    if (n == 4 && in_c % 4 == 0) {
      mcunet_conv_1x1_widen_four(in, x, in_c);
    } else if (n == 1) {
      mcunet_conv_1x1_widen(in, x, in_c, 1, 1);
    } else {
      mcunet_conv_1x1_widen(in, x, in_c, n, n == 3 ? 4 : n);
    }
    mcunet_conv_block_run(x, out, n, 1, block);
    mcunet_narrow(out, n * out_c, p->act_min, p->act_max);
  }
}
