/* SPDX-License-Identifier: MIT-0 */
#include "compiler/kernels/mcunet_kernels.h"
#include "compiler/kernels/mcunet_nibbles.h"

/* Widens up to `pixels` pixels, n of them, of in_c channels. For every 4 channels: the words (0, 2)
 * of all pixels, then the words (1, 3) of all. */
MCUNET_INLINE void mcunet_conv_1x1_s4_widen(const int8_t* in, uint32_t* out, int32_t in_c,
                                            int32_t n, int32_t pixels) {
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

/* Two channels: from where to where their inputs lie, their weights (in the end those of the next
 * two), and 16 times the sums of products of four pixels. */
typedef struct mcunet_conv_1x1_s4_pair {
  const uint32_t* x;
  const uint32_t* end;
  const int8_t* w;
  uint32_t u[4], v[4];
} mcunet_conv_1x1_s4_pair;

MCUNET_INLINE void mcunet_conv_1x1_s4_four(mcunet_conv_1x1_s4_pair* pair) {
#if MCUNET_DSP
  register mcunet_conv_1x1_s4_pair* fixed __asm__("r0") = pair;
  /* r0: x, r1: end, r2: the weights, r3: an input, r4 to r7: u, r8 to r11: v, r12 and lr: weights
   * of u and v. One line is one cycle. The weights are read twice, for want of a register. */
  __asm__ volatile(
      "push {r0}\n\tldmia r0, {r0, r1, r2}\n\t"
      "movs r4, #0\n\tmovs r5, #0\n\tmovs r6, #0\n\tmovs r7, #0\n\t"
      "mov r8, r4\n\tmov r9, r4\n\tmov r10, r4\n\tmov r11, r4\n\t"
      "1: ldr r12, [r2]\n\tldr r3, [r0], #4\n\t"
      "and lr, r12, #0xf0f0f0f0\n\t"
      "sxtb16 r12, lr\n\t"
      "sxtb16 lr, lr, ror #8\n\tsmlad r4, r3, r12, r4\n\t"
      "smlad r8, r3, lr, r8\n\tldr r3, [r0], #4\n\t"
      "smlad r5, r3, r12, r5\n\t"
      "smlad r9, r3, lr, r9\n\tldr r3, [r0], #4\n\t"
      "smlad r6, r3, r12, r6\n\t"
      "smlad r10, r3, lr, r10\n\tldr r3, [r0], #4\n\t"
      "smlad r7, r3, r12, r7\n\tldr r12, [r2], #4\n\t"
      "smlad r11, r3, lr, r11\n\tlsl r12, r12, #4\n\t"
      "ldr r3, [r0], #4\n\tand lr, r12, #0xf0f0f0f0\n\t"
      "sxtb16 r12, lr\n\t"
      "sxtb16 lr, lr, ror #8\n\tsmlad r4, r3, r12, r4\n\t"
      "smlad r8, r3, lr, r8\n\tldr r3, [r0], #4\n\t"
      "smlad r5, r3, r12, r5\n\t"
      "smlad r9, r3, lr, r9\n\tldr r3, [r0], #4\n\t"
      "smlad r6, r3, r12, r6\n\t"
      "smlad r10, r3, lr, r10\n\tldr r3, [r0], #4\n\t"
      "smlad r7, r3, r12, r7\n\tcmp r0, r1\n\t"
      "smlad r11, r3, lr, r11\n\tbne 1b\n\t"
      "pop {r0}\n\tstr r2, [r0, #8]\n\tadd r3, r0, #12\n\t"
      "stmia r3, {r4, r5, r6, r7, r8, r9, r10, r11}"
      : "+r"(fixed)
      :
      : "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr", "cc",
        "memory");
#else
  const uint32_t* x = pair->x;
  for (int32_t i = 0; i < 4; ++i) pair->u[i] = pair->v[i] = 0;
  for (; x != pair->end; x += 8, pair->w += 4) {
    const uint32_t word = mcunet_load_s8x4(pair->w);
    const uint32_t a = mcunet_high_nibbles(word), b = mcunet_low_nibbles(word);
    for (int32_t i = 0; i < 4; ++i) {
      pair->u[i] = mcunet_smlad(x[i], mcunet_sxtb16(a), pair->u[i]);
      pair->v[i] = mcunet_smlad(x[i], mcunet_sxtb16_ror8(a), pair->v[i]);
      pair->u[i] = mcunet_smlad(x[4 + i], mcunet_sxtb16(b), pair->u[i]);
      pair->v[i] = mcunet_smlad(x[4 + i], mcunet_sxtb16_ror8(b), pair->v[i]);
    }
  }
#endif
}

/* The same of two pixels, the second of which stands for the third and fourth. */
MCUNET_INLINE void mcunet_conv_1x1_s4_two(mcunet_conv_1x1_s4_pair* pair) {
  const uint32_t* const end = pair->end;
  const int8_t* w = pair->w;
  uint32_t u0 = 0, u1 = 0, v0 = 0, v1 = 0;
  for (const uint32_t* x = pair->x; x != end; x += 4, w += 4) {
    const uint32_t word = mcunet_load_s8x4(w);
    const uint32_t a = mcunet_high_nibbles(word), b = mcunet_low_nibbles(word);
    const uint32_t ua = mcunet_sxtb16(a), va = mcunet_sxtb16_ror8(a);
    const uint32_t ub = mcunet_sxtb16(b), vb = mcunet_sxtb16_ror8(b);
    u0 = mcunet_smlad(x[0], ua, u0);
    v0 = mcunet_smlad(x[0], va, v0);
    u1 = mcunet_smlad(x[1], ua, u1);
    v1 = mcunet_smlad(x[1], va, v1);
    u0 = mcunet_smlad(x[2], ub, u0);
    v0 = mcunet_smlad(x[2], vb, v0);
    u1 = mcunet_smlad(x[3], ub, u1);
    v1 = mcunet_smlad(x[3], vb, v1);
  }
  pair->w = w;
  pair->u[0] = u0, pair->u[1] = pair->u[2] = pair->u[3] = u1;
  pair->v[0] = v0, pair->v[1] = pair->v[2] = pair->v[3] = v1;
}

/* How sums become outputs. A copy, since for all the compiler knows a store to the output could
 * change the kernel's parameters. */
typedef struct mcunet_conv_1x1_s4_out {
  int8_t* out;
  int32_t second, third, last; /* pixels: those that there are not lie at the last one there is */
  int32_t zero;
} mcunet_conv_1x1_s4_out;

/* A channel of up to four pixels. What lies at the last pixel is stored before that is. */
MCUNET_INLINE void mcunet_conv_1x1_s4_store(mcunet_conv_1x1_s4_out to, uint32_t y[4], int32_t bias,
                                            int32_t multiplier, int32_t shift) {
  for (int32_t i = 0; i < 4; ++i) y[i] = mcunet_nibble_sum(y[i], bias);
  mcunet_scale4(y, mcunet_scale_of(multiplier, shift, to.zero));
  to.out[to.last] = (int8_t)y[3];
  to.out[to.third] = (int8_t)y[2];
  to.out[to.second] = (int8_t)y[1];
  to.out[0] = (int8_t)y[0];
}

void mcunet_conv_1x1_s4(const int8_t* in, int8_t* out, int16_t* scratch,
                        const mcunet_conv_1x1_s4_params* p) {
  const int32_t in_c = p->in_c, out_c = p->out_c, k4 = MCUNET_ROUND_UP_4(in_c);
  uint32_t* x = (uint32_t*)(void*)scratch;
  for (int32_t left = p->pixels; left > 0; left -= 4, in += 4 * in_c, out += 4 * out_c) {
    const int32_t n = left < 4 ? left : 4, pixels = n > 2 ? 4 : 2, last = (n - 1) * out_c;
    const int32_t* bias = p->bias;
    const int32_t* multiplier = p->multiplier;
    const int8_t* shift = p->shift;
    mcunet_conv_1x1_s4_out to = {out, n > 1 ? out_c : last, n > 2 ? 2 * out_c : last, last,
                                 p->out_zero};
    mcunet_conv_1x1_s4_pair pair;
    pair.x = x;
    pair.end = x + pixels * k4 / 2;
    pair.w = p->weights;
    mcunet_conv_1x1_s4_widen(in, x, in_c, n, pixels);
    for (int32_t c = 0; c < out_c; c += 2) {
      if (pixels == 4) {
        mcunet_conv_1x1_s4_four(&pair);
      } else {
        mcunet_conv_1x1_s4_two(&pair);
      }
      mcunet_conv_1x1_s4_store(to, pair.u, bias[0], multiplier[0], shift[0]);
      ++to.out;
      if (c + 1 < out_c) mcunet_conv_1x1_s4_store(to, pair.v, bias[1], multiplier[1], shift[1]);
      ++to.out;
      bias += 2, multiplier += 2, shift += 2;
    }
    mcunet_narrow(out, n * out_c, p->act_min, p->act_max);
  }
}
