/* SPDX-License-Identifier: MIT-0 */
/* All channels of up to four pixels whose inputs lie widened in scratch: for every 4 inputs of four
 * (or two) pixels the words (0, 2) of all, then the words (1, 3) of all. Weights as in
 * mcunet_conv_1x1_params; sums are bounded. */
#ifndef MCUNET_CONV_BLOCK_H
#define MCUNET_CONV_BLOCK_H

#include "compiler/kernels/mcunet_kernels.h"
#include "compiler/kernels/mcunet_requantize.h"

/* What a block of pixels is computed with. A copy, since for all the compiler knows a store to the
 * output could change the kernel's parameters. */
typedef struct mcunet_conv_block {
  const int8_t* weights;
  const int32_t* bias;
  const int32_t* multiplier;
  const int8_t* shift;
  int32_t zero, out_c;
  int32_t k4;    /* weights of a channel, a multiple of 4 */
  int32_t pitch; /* bytes of the output from pixel to pixel */
} mcunet_conv_block;

/* Where the second, third and fourth pixel go: those that there are not go to the last one there
 * is, which is stored after them. */
typedef struct mcunet_conv_places {
  int32_t second, third, fourth;
} mcunet_conv_places;

MCUNET_INLINE mcunet_conv_places mcunet_conv_places_of(int32_t n, int32_t pitch) {
  const int32_t last = (n - 1) * pitch;
  const mcunet_conv_places places = {n > 1 ? pitch : last, n > 2 ? 2 * pitch : last, last};
  return places;
}

/* Channel c of up to four pixels. */
MCUNET_INLINE void mcunet_conv_block_store4(int8_t* out, mcunet_conv_places to, int32_t c,
                                            uint32_t y[4], mcunet_conv_block s) {
  mcunet_scale4(y, mcunet_scale_of(s.multiplier[c], s.shift[c], s.zero));
  out += c;
  out[to.fourth] = (int8_t)y[3];
  out[to.third] = (int8_t)y[2];
  out[to.second] = (int8_t)y[1];
  out[0] = (int8_t)y[0];
}

/* Likewise of one or two pixels. */
MCUNET_INLINE void mcunet_conv_block_store2(int8_t* out, int32_t n, int32_t c, uint32_t y[2],
                                            mcunet_conv_block s) {
  mcunet_scale2(y, mcunet_scale_of(s.multiplier[c], s.shift[c], s.zero));
  out += c;
  out[(n - 1) * s.pitch] = (int8_t)y[1];
  out[0] = (int8_t)y[0];
}

/* Up to four pixels that lie widened in scratch, two channels at a time: the sums of four pixels
 * and two channels, with what they are made of, are all that a Cortex-M has registers for. */
MCUNET_INLINE void mcunet_conv_block_four(const uint32_t* x, int8_t* out, int32_t n,
                                          mcunet_conv_block s) {
  const int32_t out_c = s.out_c;
  const mcunet_conv_places to = mcunet_conv_places_of(n, s.pitch);
  const int8_t* const x_begin = (const int8_t*)x;
  const int8_t* const end = x_begin + 8 * s.k4;
  const int8_t* w = s.weights;
  for (int32_t c = 0; c < out_c; c += 2) {
    const int32_t d = c + 1 < out_c ? c + 1 : c;
    const int8_t* from = x_begin;
    uint32_t u0 = (uint32_t)s.bias[c], u1 = u0, u2 = u0, u3 = u0;
    uint32_t v0 = (uint32_t)s.bias[d], v1 = v0, v2 = v0, v3 = v0;
    do {
      uint32_t a, b, word;
      MCUNET_FETCH_NEXT(a, w);
      MCUNET_FETCH_NEXT(word, from);
      MCUNET_FIRST_PAIR(b, a);
      MCUNET_SECOND_PAIR(a, a);
      MCUNET_MAC(u0, word, b);
      MCUNET_MAC(v0, word, a);
      MCUNET_FETCH_NEXT(word, from);
      MCUNET_MAC(u1, word, b);
      MCUNET_MAC(v1, word, a);
      MCUNET_FETCH_NEXT(word, from);
      MCUNET_MAC(u2, word, b);
      MCUNET_MAC(v2, word, a);
      MCUNET_FETCH_NEXT(word, from);
      MCUNET_MAC(u3, word, b);
      MCUNET_FETCH_NEXT(b, w);
      MCUNET_MAC(v3, word, a);
      MCUNET_FETCH_NEXT(word, from);
      MCUNET_FIRST_PAIR(a, b);
      MCUNET_SECOND_PAIR(b, b);
      MCUNET_MAC(u0, word, a);
      MCUNET_MAC(v0, word, b);
      MCUNET_FETCH_NEXT(word, from);
      MCUNET_MAC(u1, word, a);
      MCUNET_MAC(v1, word, b);
      MCUNET_FETCH_NEXT(word, from);
      MCUNET_MAC(u2, word, a);
      MCUNET_MAC(v2, word, b);
      MCUNET_FETCH_NEXT(word, from);
      MCUNET_MAC(u3, word, a);
      MCUNET_MAC(v3, word, b);
    } while (from != end);
    uint32_t u[4] = {u0, u1, u2, u3}, v[4] = {v0, v1, v2, v3};
    mcunet_conv_block_store4(out, to, c, u, s);
    if (d != c) mcunet_conv_block_store4(out, to, d, v, s);
  }
}

/* One or two pixels. */
MCUNET_INLINE void mcunet_conv_block_two(const uint32_t* x, int8_t* out, int32_t n,
                                         mcunet_conv_block s) {
  const int32_t out_c = s.out_c;
  const uint32_t* const end = x + s.k4;
  const int8_t* w = s.weights;
  for (int32_t c = 0; c < out_c; c += 2) {
    const int32_t d = c + 1 < out_c ? c + 1 : c;
    uint32_t u0 = (uint32_t)s.bias[c], u1 = u0, v0 = (uint32_t)s.bias[d], v1 = v0;
    for (const uint32_t* from = x; from != end; from += 4, w += 8) {
      const uint32_t a = mcunet_load_s8x4(w), b = mcunet_load_s8x4(w + 4);
      const uint32_t ua = mcunet_sxtb16(a), va = mcunet_sxtb16_ror8(a);
      const uint32_t ub = mcunet_sxtb16(b), vb = mcunet_sxtb16_ror8(b);
      u0 = mcunet_smlad(from[0], ua, u0);
      v0 = mcunet_smlad(from[0], va, v0);
      u1 = mcunet_smlad(from[1], ua, u1);
      v1 = mcunet_smlad(from[1], va, v1);
      u0 = mcunet_smlad(from[2], ub, u0);
      v0 = mcunet_smlad(from[2], vb, v0);
      u1 = mcunet_smlad(from[3], ub, u1);
      v1 = mcunet_smlad(from[3], vb, v1);
    }
    uint32_t u[2] = {u0, u1}, v[2] = {v0, v1};
    mcunet_conv_block_store2(out, n, c, u, s);
    if (d != c) mcunet_conv_block_store2(out, n, d, v, s);
  }
}

/* One output of one channel. */
MCUNET_INLINE int8_t mcunet_conv_block_output(uint32_t sum, int32_t c, mcunet_conv_block s) {
  const mcunet_scale scale = mcunet_scale_of(s.multiplier[c], s.shift[c], s.zero);
  const int32_t high = mcunet_high_mul_of_twice(mcunet_signed(sum << scale.left), scale.multiplier);
  return mcunet_saturate_s8(mcunet_rounding_shift_add(high, scale.right, scale.zero));
}

/* One pixel, four channels at a time: what the end of a row leaves over. Of its inputs, four at a
 * time, the words (0, 2) lie at x and the words (1, 3) behind them by `step` words. */
MCUNET_INLINE void mcunet_conv_block_one(const uint32_t* x, int32_t step, int8_t* out,
                                         mcunet_conv_block s) {
  const int32_t out_c = s.out_c;
  const int8_t* w = s.weights;
  const uint32_t* const last = x + step * s.k4 / 2;
  const int8_t* const end = (const int8_t*)last;
  int32_t c = 0;
  for (; c + 4 <= out_c; c += 4) {
    const int8_t* second = w + 2 * (ptrdiff_t)s.k4;
    uint32_t u0 = (uint32_t)s.bias[c], u1 = (uint32_t)s.bias[c + 1];
    uint32_t u2 = (uint32_t)s.bias[c + 2], u3 = (uint32_t)s.bias[c + 3];
    const int8_t* from = (const int8_t*)x;
    do {
      uint32_t a, b, t, x02, x13;
      if (step == 1) {
        MCUNET_FETCH_TWO(x02, x13, from);
      } else {
        MCUNET_FETCH(x02, ((const uint32_t*)(const void*)from)[0]);
        MCUNET_FETCH(x13, ((const uint32_t*)(const void*)from)[step]);
        from += 8 * step;
      }
      MCUNET_FETCH_TWO(a, b, w);
      MCUNET_FIRST_PAIR(t, a);
      MCUNET_SECOND_PAIR(a, a);
      MCUNET_MAC(u0, x02, t);
      MCUNET_MAC(u1, x02, a);
      MCUNET_FIRST_PAIR(t, b);
      MCUNET_SECOND_PAIR(b, b);
      MCUNET_MAC(u0, x13, t);
      MCUNET_MAC(u1, x13, b);
      MCUNET_FETCH_TWO(a, b, second);
      MCUNET_FIRST_PAIR(t, a);
      MCUNET_SECOND_PAIR(a, a);
      MCUNET_MAC(u2, x02, t);
      MCUNET_MAC(u3, x02, a);
      MCUNET_FIRST_PAIR(t, b);
      MCUNET_SECOND_PAIR(b, b);
      MCUNET_MAC(u2, x13, t);
      MCUNET_MAC(u3, x13, b);
    } while (from != end);
    w = second;
    out[c] = mcunet_conv_block_output(u0, c, s);
    out[c + 1] = mcunet_conv_block_output(u1, c + 1, s);
    out[c + 2] = mcunet_conv_block_output(u2, c + 2, s);
    out[c + 3] = mcunet_conv_block_output(u3, c + 3, s);
  }
  for (; c < out_c; c += 2) {
    const int32_t d = c + 1 < out_c ? c + 1 : c;
    uint32_t u = (uint32_t)s.bias[c], v = (uint32_t)s.bias[d];
    for (const uint32_t* from = x; from != last; from += 2 * step, w += 8) {
      const uint32_t a = mcunet_load_s8x4(w), b = mcunet_load_s8x4(w + 4);
      u = mcunet_smlad(from[0], mcunet_sxtb16(a), u);
      v = mcunet_smlad(from[0], mcunet_sxtb16_ror8(a), v);
      u = mcunet_smlad(from[step], mcunet_sxtb16(b), u);
      v = mcunet_smlad(from[step], mcunet_sxtb16_ror8(b), v);
    }
    out[c] = mcunet_conv_block_output(u, c, s);
    if (d != c) out[d] = mcunet_conv_block_output(v, d, s);
  }
}

#endif /* MCUNET_CONV_BLOCK_H */
