/* SPDX-License-Identifier: MIT-0 */
/* All channels of up to four pixels whose inputs lie widened in scratch: for every 4 inputs of four
 * (or two) pixels the words (0, 2) of all, then the words (1, 3) of all. Constants as in
 * mcunet_params.h, two channels u and v at a time.
 *
 * The weights of both channels share a word, whose halves are 256 * v + u: SMLAD with the word
 * itself sums up C = 256 * V + U, with its sign-extended low bytes U. The difference is 256 * V, so
 * that v is never unpacked.
 *
 * Both roundings of TFLite's requantization are one, since rounding down twice is rounding down
 * once. With the right shift n and a the sum,
 *   y = floor((2 * a * multiplier + 2^31 + ((2 * zero + 1) * 2^(n - 1) - [a < 0]) * 2^32) / 2^(32 +
 * n)) where [a < 0], which tells halves away from zero from halves up, is of no matter if the
 * output's zero point is -128: then outputs of negative sums saturate. Hence SMMLAR, a shift, and
 * SSAT; for 256 * V instead of 2 * V, everything else 128 times. */
#ifndef MCUNET_CONV_BLOCK_H
#define MCUNET_CONV_BLOCK_H

#include "compiler/kernels/mcunet_kernels.h"
#include "compiler/kernels/mcunet_requantize.h"

/* What a block of pixels is computed with. A copy, since for all the compiler knows a store to the
 * output could change the kernel's parameters. */
typedef struct mcunet_conv_block {
  const uint32_t* constants;
  int32_t zero, out_c;
  int32_t k4;    /* weights of a channel, MCUNET_CONV_BLOCK_DEPTH */
  int32_t pitch; /* bytes of the output from pixel to pixel */
} mcunet_conv_block;

/* How two channels are scaled. */
typedef struct mcunet_conv_scale {
  int32_t multiplier_u, multiplier_v;
  uint32_t shift_u, shift_v, add_u, add_v;
} mcunet_conv_scale;

/* high word of a * b + addend * 2^32 + rounding, modulo 2^32. */
MCUNET_INLINE int32_t mcunet_conv_high(uint32_t a, int32_t b, uint32_t addend, uint32_t rounding) {
  const uint64_t product = (uint64_t)((int64_t)mcunet_signed(a) * b);
  return mcunet_signed((uint32_t)((product + rounding) >> 32) + addend);
}

MCUNET_INLINE uint32_t mcunet_conv_sign(uint32_t a) { return (uint32_t)(mcunet_signed(a) >> 31); }

/* The bias of u, in bits 10 to 31. */
MCUNET_INLINE uint32_t mcunet_conv_bias(uint32_t word) {
  return (uint32_t)(mcunet_signed(word) >> 10);
}

MCUNET_INLINE mcunet_conv_scale mcunet_conv_scale_of(const uint32_t* w, int32_t zero) {
  const uint32_t z = (uint32_t)(2 * zero + 1);
  mcunet_conv_scale s;
  s.multiplier_u = mcunet_signed(w[0]);
  s.multiplier_v = mcunet_signed(w[1]);
  s.shift_u = w[2] & 31;
  s.shift_v = w[2] >> 5 & 31;
  s.add_u = z << s.shift_u;
  s.add_v = (z << s.shift_v) + (zero == -128 ? 64 : 0);
  return s;
}

/* Outputs of u and v. */
MCUNET_INLINE int8_t mcunet_conv_output_u(uint32_t u, mcunet_conv_scale s, int32_t zero) {
  const uint32_t sign = zero == -128 ? 0 : mcunet_conv_sign(u);
#if MCUNET_DSP
  int32_t y;
  __asm__("smmlar %0, %1, %2, %3" : "=r"(y) : "r"(u + u), "r"(s.multiplier_u), "r"(s.add_u + sign));
#else
  const int32_t y = mcunet_conv_high(u + u, s.multiplier_u, s.add_u + sign, 0x80000000u);
#endif
  return mcunet_saturate_s8(y >> s.shift_u >> 1);
}

MCUNET_INLINE int8_t mcunet_conv_output_v(uint32_t u, uint32_t c, mcunet_conv_scale s,
                                          int32_t zero) {
  const uint32_t v = c - u;
#if MCUNET_DSP
  int32_t y;
  if (zero == -128) {
    __asm__("smmla %0, %1, %2, %3" : "=r"(y) : "r"(v), "r"(s.multiplier_v), "r"(s.add_v));
  } else {
    __asm__("smmlar %0, %1, %2, %3"
            : "=r"(y)
            : "r"(mcunet_signed(v) >> 7), "r"(s.multiplier_v), "r"(s.add_v + mcunet_conv_sign(v)));
  }
#else
  const int32_t y = zero == -128
                        ? mcunet_conv_high(v, s.multiplier_v, s.add_v, 0)
                        : mcunet_conv_high((uint32_t)(mcunet_signed(v) >> 7), s.multiplier_v,
                                           s.add_v + mcunet_conv_sign(v), 0x80000000u);
#endif
  return mcunet_saturate_s8(y >> s.shift_v >> 1);
}

MCUNET_INLINE void mcunet_conv_store(int8_t* out, uint32_t u, uint32_t c, mcunet_conv_scale s,
                                     int32_t zero) {
  out[0] = mcunet_conv_output_u(u, s, zero);
  out[1] = mcunet_conv_output_v(u, c, s, zero);
}

#if MCUNET_DSP
/* What the assembly below is given: it pushes the first eight, and where the steps are entered. */
typedef struct mcunet_conv_four {
  const uint32_t* x;     /* inputs of the first step */
  const uint32_t* first; /* of the first round of steps, as if none were left out */
  int8_t* out;
  int32_t pitch;        /* of the second pixel; the third comes twice as far */
  int32_t fourth;       /* of the fourth pixel */
  const uint32_t* end;  /* of the constants */
  int32_t zero;         /* 2 * zero + 1 */
  const uint32_t* last; /* inputs of the last round */
  int32_t skip;         /* code of the steps that are left out of the first round, bytes */
  const uint32_t* constants;
} mcunet_conv_four;

/* One half of a step: 2 inputs of 4 pixels and 2 channels, 16 products in 8 cycles of a Cortex-M7.
 * r3: an input word, r4: the weights, r5: their low bytes; r6 to r9: U of the pixels; r10, r11,
 * r12, lr: 256 * V + U of the pixels; r0: next weights; r1: inputs. The younger instruction of a
 * pair that issues together is indented. */
#define MCUNET_CONV_HALF_BEGIN(second) \
  "sxtb16 r5, r4\n"                    \
  "  smlad r10, r3, r4, r10\n"         \
  "smlad r6, r3, r5, r6\n"             \
  "  ldr r3, [r1, #" second "]\n"
#define MCUNET_CONV_HALF_END(third, fourth, next) \
  "smlad r7, r3, r5, r7\n"                        \
  "  ldr r3, [r1, #" third                        \
  "]\n"                                           \
  "smlad r12, r3, r4, r12\n"                      \
  "smlad r8, r3, r5, r8\n"                        \
  "  ldr r3, [r1, #" fourth                       \
  "]\n"                                           \
  "smlad lr, r3, r4, lr\n"                        \
  "  ldr r4, [r0], #4\n"                          \
  "smlad r9, r3, r5, r9\n"                        \
  "  ldr r3, [r1, #" next "]\n"
#define MCUNET_CONV_HALF(second, third, fourth, next) \
  MCUNET_CONV_HALF_BEGIN(second)                      \
  "smlad r11, r3, r4, r11\n" MCUNET_CONV_HALF_END(third, fourth, next)

/* Both scalings go from r10, the difference of the first pixel's sums, r3 = 2 * zero + 1, r1:
 * shifts, r5: that of u, to the end of this. It leaves what the next pair begins with. */
#define MCUNET_CONV_SCALE_END                   \
  "ssat r10, #8, r10, asr #1\n"                 \
  "  adds r4, #1\n"                             \
  "ssat r11, #8, r11, asr #1\n"                 \
  "  add r3, r4, #1\n"                          \
  "asr r12, r12, r1\n"                          \
  "  ldr r2, [sp]\n" /* x */                    \
  "asr lr, lr, r1\n"                            \
  "  strb r10, [r4]\n"                          \
  "ssat r12, #8, r12, asr #1\n"                 \
  "  str r3, [sp, #8]\n"                        \
  "ssat lr, #8, lr, asr #1\n"                   \
  "  ldr r8, [sp, #20]\n" /* end */             \
  "strb r11, [r4, r6]\n"                        \
  "  ldr r9, [r0]\n" /* next pair: bias of u */ \
  "strb r12, [r4, r6, lsl #1]\n"                \
  "  cmp r8, r0\n"                              \
  "strb lr, [r4, r5]\n"                         \
  "  asr r6, r9, #10\n"                         \
  "ldr r10, [r0, #4]\n" /* biases of both */

/* Scaling where the zero point is -128. */
#define MCUNET_CONV_SCALE_LEAST                \
  "lsl r4, r3, r5\n"                           \
  "  ldr r2, [r0], #4\n" /* multiplier of u */ \
  "add r6, r6, r6\n"                           \
  "  sub r11, r11, r7\n"                       \
  "smmlar r6, r6, r2, r4\n"                    \
  "  add r7, r7, r7\n"                         \
  "smmlar r7, r7, r2, r4\n"                    \
  "  sub r12, r12, r8\n"                       \
  "add r8, r8, r8\n"                           \
  "  asr r6, r6, r5\n"                         \
  "smmlar r8, r8, r2, r4\n"                    \
  "  asr r7, r7, r5\n"                         \
  "ssat r6, #8, r6, asr #1\n"                  \
  "  sub lr, lr, r9\n"                         \
  "ssat r7, #8, r7, asr #1\n"                  \
  "  add r9, r9, r9\n"                         \
  "smmlar r9, r9, r2, r4\n"                    \
  "  asr r8, r8, r5\n"                         \
  "ubfx r1, r1, #5, #5\n" /* shift of v */     \
  "  ldr r4, [sp, #8]\n"  /* out */            \
  "ssat r8, #8, r8, asr #1\n"                  \
  "  ldr r2, [r0], #4\n" /* multiplier of v */ \
  "asr r9, r9, r5\n"                           \
  "  strb r6, [r4]\n"                          \
  "lsl r3, r3, r1\n"                           \
  "  ldr r6, [sp, #12]\n" /* pitch */          \
  "ssat r9, #8, r9, asr #1\n"                  \
  "  ldr r5, [sp, #16]\n" /* fourth */         \
  "add r3, r3, #64\n"                          \
  "  strb r7, [r4, r6]\n"                      \
  "smmla r10, r10, r2, r3\n"                   \
  "  strb r8, [r4, r6, lsl #1]\n"              \
  "smmla r11, r11, r2, r3\n"                   \
  "  strb r9, [r4, r5]\n"                      \
  "smmla r12, r12, r2, r3\n"                   \
  "  asr r10, r10, r1\n"                       \
  "smmla lr, lr, r2, r3\n"                     \
  "  asr r11, r11, r1\n"

/* Any zero point: with the sign of the sum. */
#define MCUNET_CONV_SCALE_ANY     \
  "lsl r4, r3, r5\n"              \
  "  ldr r2, [r0], #4\n"          \
  "add r3, r4, r6, asr #31\n"     \
  "  sub r11, r11, r7\n"          \
  "add r6, r6, r6\n"              \
  "  sub r12, r12, r8\n"          \
  "smmlar r6, r6, r2, r3\n"       \
  "  add r3, r4, r7, asr #31\n"   \
  "add r7, r7, r7\n"              \
  "  sub lr, lr, r9\n"            \
  "smmlar r7, r7, r2, r3\n"       \
  "  add r3, r4, r8, asr #31\n"   \
  "add r8, r8, r8\n"              \
  "  asr r6, r6, r5\n"            \
  "smmlar r8, r8, r2, r3\n"       \
  "  add r3, r4, r9, asr #31\n"   \
  "add r9, r9, r9\n"              \
  "  asr r7, r7, r5\n"            \
  "smmlar r9, r9, r2, r3\n"       \
  "  asr r8, r8, r5\n"            \
  "ssat r6, #8, r6, asr #1\n"     \
  "  ldr r4, [sp, #8]\n"          \
  "ssat r7, #8, r7, asr #1\n"     \
  "  ldr r2, [r0], #4\n"          \
  "asr r9, r9, r5\n"              \
  "  ldr r3, [sp, #24]\n"         \
  "ssat r8, #8, r8, asr #1\n"     \
  "  strb r6, [r4]\n"             \
  "ubfx r1, r1, #5, #5\n"         \
  "  ldr r6, [sp, #12]\n"         \
  "ssat r9, #8, r9, asr #1\n"     \
  "  ldr r5, [sp, #16]\n"         \
  "lsl r3, r3, r1\n"              \
  "  strb r7, [r4, r6]\n"         \
  "add r7, r3, r10, asr #31\n"    \
  "  strb r8, [r4, r6, lsl #1]\n" \
  "asr r10, r10, #7\n"            \
  "  strb r9, [r4, r5]\n"         \
  "add r8, r3, r11, asr #31\n"    \
  "  smmlar r10, r10, r2, r7\n"   \
  "asr r11, r11, #7\n"            \
  "add r7, r3, r12, asr #31\n"    \
  "  smmlar r11, r11, r2, r8\n"   \
  "asr r12, r12, #7\n"            \
  "add r8, r3, lr, asr #31\n"     \
  "  smmlar r12, r12, r2, r7\n"   \
  "asr lr, lr, #7\n"              \
  "asr r10, r10, r1\n"            \
  "  smmlar lr, lr, r2, r8\n"     \
  "asr r11, r11, r1\n"

/* Bytes before a step of a round: loads that reach further than 124 bytes are longer. */
#define MCUNET_CONV_STEP_CODE(step) (96 * (step) + ((step) < 4 ? 0 : (step) == 4 ? 2 : 18))

/* All pairs of channels of four pixels. The first step also spreads the biases over the pixels.
 * Those that follow run in rounds of six, of which the first may be entered in its middle, so that
 * short sums meet no branch that a Cortex-M7 would not foresee. */
MCUNET_INLINE void mcunet_conv_run_four(const mcunet_conv_four* four) {
  register const mcunet_conv_four* r0 __asm__("r0") = four;
  __asm__ volatile(
      "ldm r0, {r1-r6, r8-r11}\n"
      "adr lr, 2f + 1\n"
      "add r10, r10, lr\n"
      "mov r0, r11\n"
      "push {r7}\n"
      "push {r1-r6, r8-r10}\n"
      /* What scaling leaves: the inputs in r2, the biases in r6 and r10. */
      "ldr r6, [r0]\n"
      "mov r2, r1\n"
      "ldr r10, [r0, #4]\n"
      "asr r6, r6, #10\n"
      /* A pair of channels: its first step. */
      "1:\n"
      "ldr r4, [r0, #8]\n"
      "  ldr r3, [r2, #12]\n"
      "sxtb16 r5, r4\n"
      "  smlad lr, r3, r4, r10\n"
      "smlad r9, r3, r5, r6\n"
      "  ldr r3, [r2, #8]\n"
      "smlad r12, r3, r4, r10\n"
      "smlad r8, r3, r5, r6\n"
      "  ldr r3, [r2, #4]\n"
      "smlad r11, r3, r4, r10\n"
      "  ldr r1, [sp, #4]\n"
      "smlad r7, r3, r5, r6\n"
      "  ldr r3, [r2]\n"
      "smlad r10, r3, r4, r10\n"
      "  ldr r4, [r0, #12]\n"
      "smlad r6, r3, r5, r6\n"
      "  ldr r3, [r2, #16]\n"
      "sxtb16 r5, r4\n"
      "  smlad r10, r3, r4, r10\n"
      "smlad r6, r3, r5, r6\n"
      "  ldr r3, [r2, #20]\n"
      "smlad r11, r3, r4, r11\n"
      "  adds r0, #20\n"
      "smlad r7, r3, r5, r7\n"
      "  ldr r3, [r2, #24]\n"
      "smlad r12, r3, r4, r12\n"
      "smlad r8, r3, r5, r8\n"
      "  ldr r3, [r2, #28]\n"
      "smlad lr, r3, r4, lr\n"
      "  ldr r4, [r0, #-4]\n"
      "smlad r9, r3, r5, r9\n"
      "  ldr r3, [r2, #32]\n"
      "ldr r2, [sp, #28]\n"
      "  ldr pc, [sp, #32]\n"
      ".balign 4\n"
      "2:\n"
      MCUNET_CONV_HALF("4", "8", "12", "16")
      MCUNET_CONV_HALF("20", "24", "28", "32")
      MCUNET_CONV_HALF("36", "40", "44", "48")
      MCUNET_CONV_HALF("52", "56", "60", "64")
      MCUNET_CONV_HALF("68", "72", "76", "80")
      MCUNET_CONV_HALF("84", "88", "92", "96")
      MCUNET_CONV_HALF("100", "104", "108", "112")
      MCUNET_CONV_HALF("116", "120", "124", "128")
      MCUNET_CONV_HALF("132", "136", "140", "144")
      MCUNET_CONV_HALF("148", "152", "156", "160")
      MCUNET_CONV_HALF("164", "168", "172", "176")
      MCUNET_CONV_HALF_BEGIN("180")
      "smlad r11, r3, r4, r11\n"
      "  cmp r1, r2\n"
      "smlad r7, r3, r5, r7\n"
      "  ldr r3, [r1, #184]\n"
      "smlad r12, r3, r4, r12\n"
      "  beq 3f\n"
      "smlad r8, r3, r5, r8\n"
      "  ldr r3, [r1, #188]\n"
      "smlad lr, r3, r4, lr\n"
      "  ldr r4, [r0], #4\n"
      "smlad r9, r3, r5, r9\n"
      "  ldr r3, [r1, #192]!\n"
      "b 2b\n"
      "3:\n"
      "smlad r8, r3, r5, r8\n"
      "  ldr r3, [r1, #188]\n"
      "smlad lr, r3, r4, lr\n"
      "  ldr r1, [r0, #8]\n" /* shifts */
      "smlad r9, r3, r5, r9\n"
      "  ldr r3, [sp, #24]\n" /* 2 * zero + 1 */
      "and r5, r1, #31\n"
      "  cmn r3, #255\n"
      "sub r10, r10, r6\n"
      "  bne 4f\n"
      MCUNET_CONV_SCALE_LEAST
      MCUNET_CONV_SCALE_END
      "  bne 1b\n"
      "b 5f\n"
      "4:\n"
      MCUNET_CONV_SCALE_ANY
      MCUNET_CONV_SCALE_END
      "  bne 1b\n"
      "5:\n"
      "add sp, sp, #36\n"
      "pop {r7}\n"
      : "+r"(r0)
      :
      : "r1", "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc",
        "memory");
}
#endif

/* Four pixels and `pairs` pairs of channels; the second pixel of the output lies at pitch, the
 * third at 2 * pitch, the fourth at `fourth`. */
MCUNET_INLINE void mcunet_conv_pairs_four(const uint32_t* x, int8_t* out, int32_t pitch,
                                          int32_t fourth, const uint32_t* constants, int32_t pairs,
                                          mcunet_conv_block s) {
#if MCUNET_DSP
  const int32_t rest = s.k4 / 4 - 1, rounds = (rest + 5) / 6, skip = 6 * rounds - rest;
  const uint32_t* first = x + 8 - 8 * skip;
  const mcunet_conv_four four = {x,
                                 first,
                                 out,
                                 pitch,
                                 fourth,
                                 constants + pairs * (s.k4 / 2 + 4),
                                 2 * s.zero + 1,
                                 first + 48 * (rounds - 1),
                                 MCUNET_CONV_STEP_CODE(skip),
                                 constants};
  mcunet_conv_run_four(&four);
#else
  for (; pairs > 0; --pairs, out += 2) {
    uint32_t u[4], c[4];
    for (int32_t i = 0; i < 4; ++i) {
      u[i] = mcunet_conv_bias(constants[0]);
      c[i] = constants[1];
    }
    const uint32_t* from = x;
    constants += 2;
    for (int32_t k = s.k4 / 2; k > 0; --k, ++constants, from += 4) {
      const uint32_t low = mcunet_sxtb16(constants[0]);
      mcunet_smlad_four(from, constants[0], c);
      mcunet_smlad_four(from, low, u);
    }
    const mcunet_conv_scale scale = mcunet_conv_scale_of(constants, s.zero);
    constants += 2;
    for (int32_t i = 0; i < 4; ++i)
      mcunet_conv_store(out + (i < 3 ? i * pitch : fourth), u[i], c[i], scale, s.zero);
  }
#endif
}

/* Pairs of channels of two pixels. */
MCUNET_INLINE void mcunet_conv_pairs_two(const uint32_t* x, int8_t* out, const uint32_t* constants,
                                         int32_t pairs, mcunet_conv_block s) {
  const int8_t* w = (const int8_t*)constants;
  for (; pairs > 0; --pairs, out += 2) {
    const int8_t* from = (const int8_t*)x;
    const int8_t* const end = w + 2 * s.k4 + 12;
    uint32_t u0, u1, c0, c1, x0, x1, a, b;
    MCUNET_FETCH_NEXT(u0, w);
    MCUNET_FETCH_NEXT(c0, w);
    u0 = u1 = mcunet_conv_bias(u0);
    c1 = c0;
    MCUNET_FETCH_NEXT(a, w);
    MCUNET_FETCH_NEXT(x0, from);
    MCUNET_FETCH_NEXT(x1, from);
    do { /* reads a word of weights and two of scratch ahead */
      MCUNET_FIRST_PAIR(b, a);
      MCUNET_MAC(c0, x0, a);
      MCUNET_MAC(u0, x0, b);
      MCUNET_FETCH_NEXT(x0, from);
      MCUNET_MAC(c1, x1, a);
      MCUNET_FETCH_NEXT(a, w);
      MCUNET_MAC(u1, x1, b);
      MCUNET_FETCH_NEXT(x1, from);
      MCUNET_FIRST_PAIR(b, a);
      MCUNET_MAC(c0, x0, a);
      MCUNET_MAC(u0, x0, b);
      MCUNET_FETCH_NEXT(x0, from);
      MCUNET_MAC(c1, x1, a);
      MCUNET_FETCH_NEXT(a, w);
      MCUNET_MAC(u1, x1, b);
      MCUNET_FETCH_NEXT(x1, from);
    } while (w != end);
    w -= 4;
    const mcunet_conv_scale scale = mcunet_conv_scale_of((const uint32_t*)(const void*)w, s.zero);
    w += 8;
    mcunet_conv_store(out, u0, c0, scale, s.zero);
    mcunet_conv_store(out + s.pitch, u1, c1, scale, s.zero);
  }
}

/* Pairs of channels of one pixel, two pairs at a time. Of four inputs, the words (0, 2) lie at x
 * and the words (1, 3) behind them by `step` words. */
MCUNET_INLINE void mcunet_conv_pairs_one(const uint32_t* x, int32_t step, int8_t* out,
                                         const uint32_t* constants, int32_t pairs,
                                         mcunet_conv_block s, int32_t zero) {
  for (; pairs > 0; pairs -= 2, out += 4) {
    const int32_t next = pairs > 1 ? s.k4 / 2 + 4 : 0;
    const int8_t* v = (const int8_t*)constants;
    const int8_t* w = (const int8_t*)(constants + next);
    const int8_t* from = (const int8_t*)x;
    uint32_t u0, u1, c0, c1, a, b, x02, x13;
    MCUNET_FETCH_TWO(u0, c0, v);
    MCUNET_FETCH_TWO(u1, c1, w);
    u0 = mcunet_conv_bias(u0);
    u1 = mcunet_conv_bias(u1);
    const int8_t* const end = v + 2 * s.k4;
    do {
      if (step == 1) {
        MCUNET_FETCH_TWO(x02, x13, from);
      } else {
        MCUNET_FETCH(x02, ((const uint32_t*)(const void*)from)[0]);
        MCUNET_FETCH(x13, ((const uint32_t*)(const void*)from)[step]);
        from += 8 * step;
      }
      MCUNET_FETCH_TWO(a, b, v);
      MCUNET_MAC(c0, x02, a);
      MCUNET_FIRST_PAIR(a, a);
      MCUNET_MAC(c0, x13, b);
      MCUNET_FIRST_PAIR(b, b);
      MCUNET_MAC(u0, x02, a);
      MCUNET_MAC(u0, x13, b);
      MCUNET_FETCH_TWO(a, b, w);
      MCUNET_MAC(c1, x02, a);
      MCUNET_FIRST_PAIR(a, a);
      MCUNET_MAC(c1, x13, b);
      MCUNET_FIRST_PAIR(b, b);
      MCUNET_MAC(u1, x02, a);
      MCUNET_MAC(u1, x13, b);
    } while (v != end);
    constants += s.k4 / 2 + 2;
    mcunet_conv_store(out, u0, c0, mcunet_conv_scale_of(constants, zero), zero);
    if (next)
      mcunet_conv_store(out + 2, u1, c1, mcunet_conv_scale_of(constants + next, zero), zero);
    constants += next + 2;
  }
}

/* Fewer pixels than four, as four: of three the last comes twice, of two the first comes thrice. */
MCUNET_INLINE void mcunet_conv_repeat(uint32_t* x, int32_t n, int32_t k4) {
  for (int32_t k = k4 / 2; k > 0; --k, x += 4) {
    x[3] = x[n - 1];
    if (n == 2) x[1] = x[2] = x[0];
  }
}

/* The first n pixels, 1 to 4. step: 4 if there is room for so many in scratch, or 1 if for n;
 * a constant.
 * An odd last channel comes in a pair with the one before it, which is computed twice. */
MCUNET_INLINE void mcunet_conv_block_run(uint32_t* x, int8_t* out, int32_t n, int32_t step,
                                         mcunet_conv_block s) {
  const uint32_t* w = s.constants;
  const int32_t fours = n > 2 || (step == 4 && n == 2);
  if (fours && n < 4) mcunet_conv_repeat(x, n, s.k4);
  int32_t pairs = s.out_c / 2;
  for (int32_t odd = s.out_c % 2;; odd = 0) {
    if (fours) {
      mcunet_conv_pairs_four(x, out, n > 2 ? s.pitch : 0, (n - 1) * s.pitch, w, pairs, s);
    } else if (n == 2) {
      mcunet_conv_pairs_two(x, out, w, pairs, s);
    } else {
      /* Most layers are rectified: a copy of the code for their zero point. */
      if (s.zero == -128) {
        mcunet_conv_pairs_one(x, step, out, w, pairs, s, -128);
      } else {
        mcunet_conv_pairs_one(x, step, out, w, pairs, s, s.zero);
      }
    }
    if (!odd) return;
    w += pairs * (s.k4 / 2 + 4);
    out += 2 * pairs - 1;
    pairs = 1;
  }
}

#endif /* MCUNET_CONV_BLOCK_H */
