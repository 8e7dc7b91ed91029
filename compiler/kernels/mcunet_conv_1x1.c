/* SPDX-License-Identifier: MIT-0 */
#include "compiler/kernels/mcunet_kernels.h"
#include "compiler/kernels/mcunet_requantize.h"

/* Widens 1 or 3 pixels of in_c channels. For every 4 channels: the words (0, 2) of all pixels, then
 * the words (1, 3) of all, so that the multiplying loop reads along one pointer. */
MCUNET_INLINE void mcunet_conv_1x1_widen(const int8_t* in, int16_t* out, int32_t in_c,
                                         int32_t pixels) {
  for (int32_t i = 0; i < pixels; ++i) {
    int16_t* x = out + 2 * i;
    int32_t n = in_c;
    for (; n >= 4; n -= 4, in += 4, x += 4 * pixels) {
      const uint32_t word = mcunet_load_s8x4(in);
      mcunet_store32(x, mcunet_sxtb16(word));
      mcunet_store32(x + 2 * pixels, mcunet_sxtb16_ror8(word));
    }
    if (n > 0) {
      const uint32_t word = mcunet_load_s8_tail(in, n);
      mcunet_store32(x, mcunet_sxtb16(word));
      mcunet_store32(x + 2 * pixels, mcunet_sxtb16_ror8(word));
      in += n;
    }
  }
}

/* Three pixels that lie widened in x, two channels at a time. An odd last channel is its own
 * neighbour, computed and stored twice, which needs no further code. Three pixels are as many as
 * the registers hold: with four the sums spill and a MAC costs more instructions. */
MCUNET_INLINE void mcunet_conv_1x1_three(const int16_t* x, int8_t* out,
                                         const mcunet_conv_1x1_params* p) {
  const int32_t k4 = MCUNET_ROUND_UP_4(p->in_c);
  const int32_t out_c = p->out_c;
  const int32_t zero = p->out_zero, low = p->act_min, high = p->act_max;
  for (int32_t c = 0; c < out_c; c += 2) {
    const int32_t d = c + 1 < out_c ? c + 1 : c;
    const int8_t* u = p->weights + (ptrdiff_t)c * k4;
    const int8_t* v = p->weights + (ptrdiff_t)d * k4;
    const int8_t* end = u + k4;
    const int16_t* a = x;
    uint32_t u0 = (uint32_t)p->bias[c], u1 = u0, u2 = u0;
    uint32_t v0 = (uint32_t)p->bias[d], v1 = v0, v2 = v0;
    do {
      uint32_t s, wu, wv;
      wu = mcunet_sxtb16(mcunet_load_s8x4(u));
      wv = mcunet_sxtb16(mcunet_load_s8x4(v));
      s = mcunet_load32(a);
      u0 = mcunet_smlad(s, wu, u0);
      v0 = mcunet_smlad(s, wv, v0);
      s = mcunet_load32(a + 2);
      u1 = mcunet_smlad(s, wu, u1);
      v1 = mcunet_smlad(s, wv, v1);
      s = mcunet_load32(a + 4);
      u2 = mcunet_smlad(s, wu, u2);
      v2 = mcunet_smlad(s, wv, v2);
      wu = mcunet_sxtb16_ror8(mcunet_load_s8x4(u));
      wv = mcunet_sxtb16_ror8(mcunet_load_s8x4(v));
      s = mcunet_load32(a + 6);
      u0 = mcunet_smlad(s, wu, u0);
      v0 = mcunet_smlad(s, wv, v0);
      s = mcunet_load32(a + 8);
      u1 = mcunet_smlad(s, wu, u1);
      v1 = mcunet_smlad(s, wv, v1);
      s = mcunet_load32(a + 10);
      u2 = mcunet_smlad(s, wu, u2);
      v2 = mcunet_smlad(s, wv, v2);
      u += 4;
      v += 4;
      a += 12;
    } while (u != end);
    /* Before any store, which for all the compiler knows could change them. */
    const int32_t m0 = p->multiplier[c], s0 = p->shift[c];
    const int32_t m1 = p->multiplier[d], s1 = p->shift[d];
    int8_t* y = out;
    y[c] = mcunet_output(mcunet_requantize(mcunet_signed(u0), m0, s0), zero, low, high);
    y[d] = mcunet_output(mcunet_requantize(mcunet_signed(v0), m1, s1), zero, low, high);
    y += out_c;
    y[c] = mcunet_output(mcunet_requantize(mcunet_signed(u1), m0, s0), zero, low, high);
    y[d] = mcunet_output(mcunet_requantize(mcunet_signed(v1), m1, s1), zero, low, high);
    y += out_c;
    y[c] = mcunet_output(mcunet_requantize(mcunet_signed(u2), m0, s0), zero, low, high);
    y[d] = mcunet_output(mcunet_requantize(mcunet_signed(v2), m1, s1), zero, low, high);
  }
}

MCUNET_INLINE void mcunet_conv_1x1_one(const int16_t* x, int8_t* out,
                                       const mcunet_conv_1x1_params* p) {
  const int32_t k4 = MCUNET_ROUND_UP_4(p->in_c);
  const int32_t out_c = p->out_c;
  const int32_t zero = p->out_zero, low = p->act_min, high = p->act_max;
  for (int32_t c = 0; c < out_c; c += 2) {
    const int32_t d = c + 1 < out_c ? c + 1 : c;
    const int8_t* u = p->weights + (ptrdiff_t)c * k4;
    const int8_t* v = p->weights + (ptrdiff_t)d * k4;
    const int8_t* end = u + k4;
    const int16_t* a = x;
    uint32_t u0 = (uint32_t)p->bias[c];
    uint32_t v0 = (uint32_t)p->bias[d];
    do {
      const uint32_t wu = mcunet_load_s8x4(u), wv = mcunet_load_s8x4(v);
      const uint32_t a02 = mcunet_load32(a), a13 = mcunet_load32(a + 2);
      u0 = mcunet_smlad(a02, mcunet_sxtb16(wu), u0);
      v0 = mcunet_smlad(a02, mcunet_sxtb16(wv), v0);
      u0 = mcunet_smlad(a13, mcunet_sxtb16_ror8(wu), u0);
      v0 = mcunet_smlad(a13, mcunet_sxtb16_ror8(wv), v0);
      u += 4;
      v += 4;
      a += 4;
    } while (u != end);
    /* Before any store, which for all the compiler knows could change them. */
    const int32_t m0 = p->multiplier[c], s0 = p->shift[c];
    const int32_t m1 = p->multiplier[d], s1 = p->shift[d];
    out[c] = mcunet_output(mcunet_requantize(mcunet_signed(u0), m0, s0), zero, low, high);
    out[d] = mcunet_output(mcunet_requantize(mcunet_signed(v0), m1, s1), zero, low, high);
  }
}

void mcunet_conv_1x1(const int8_t* in, int8_t* out, int16_t* scratch,
                     const mcunet_conv_1x1_params* p) {
  int32_t n = p->pixels;
  for (; n >= 3; n -= 3, in += 3 * p->in_c, out += 3 * p->out_c) {
    mcunet_conv_1x1_widen(in, scratch, p->in_c, 3);
    mcunet_conv_1x1_three(scratch, out, p);
  }
  for (; n > 0; --n, in += p->in_c, out += p->out_c) {
    mcunet_conv_1x1_widen(in, scratch, p->in_c, 1);
    mcunet_conv_1x1_one(scratch, out, p);
  }
}
