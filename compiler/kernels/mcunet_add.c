/* SPDX-License-Identifier: MIT-0 */
#include "compiler/kernels/mcunet_broadcast.h"
#include "compiler/kernels/mcunet_kernels.h"
#include "compiler/kernels/mcunet_requantize.h"

/* The input of the larger scale s has s / t = 1 / 2, so that of its 20 additional bits 19 remain
 * and nothing is rounded. */
#define MCUNET_ADD_HALF (1 << 30)

/* What mcunet_add_pairs reads, in this order. */
typedef struct mcunet_add_run {
  const int8_t* part;
  const int8_t* whole;
  int8_t* out;
  int32_t n;
  int32_t offset_part, multiplier, right_part; /* of the input of the smaller scale */
  int32_t offset_whole;
  int32_t m; /* twice the output's multiplier less 2^32 */
  int32_t right, zero;
} mcunet_add_run;

#if MCUNET_DSP
/* All elements but the last two or three, of four or more; an output's multiplier of 2^30 or more.
 * r1 to r11: the members of run; r0, r12: two elements, each read before the one before is written;
 * lr: their bytes of the input of the larger scale. sum + sum * m / 2^32 is the doubling high
 * multiplication. */
MCUNET_INLINE void mcunet_add_pairs(const mcunet_add_run* run) {
  register const mcunet_add_run* base __asm__("r0") = run;
  /* clang-format off */
  __asm__ volatile(
      "ldm r0, {r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11}\n\t"
      "ldrsb r12, [r1, #1]\n\tldrsb r0, [r1], #2\n"
      "1:\n\t"
      "add r0, r5, r0, lsl #21\n\tldrsb lr, [r2], #1\n\t"
      "smmulr r0, r0, r6\n\tadd r12, r5, r12, lsl #21\n\t"
      "smmulr r12, r12, r6\n\tsub r4, r4, #2\n\t"
      "adds r0, r0, r0, asr #31\n\t"
      "asrs r0, r0, r7\n\t"
      "adc r0, r0, r8\n\tadds r12, r12, r12, asr #31\n\t"
      "add r0, r0, lr, lsl #19\n\tldrsb lr, [r2], #1\n\t"
      "smmlar r0, r0, r9, r0\n\tasrs r12, r12, r7\n\t"
      "adc r12, r12, r8\n\t"
      "add r12, r12, lr, lsl #19\n\t"
      "adds r0, r0, r0, asr #31\n\tsmmlar r12, r12, r9, r12\n\t"
      "asrs r0, r0, r10\n\t"
      "adc lr, r0, r11\n\tldrsb r0, [r1]\n\t"
      "adds r12, r12, r12, asr #31\n\t"
      "ssat lr, #8, lr\n\t"
      "asrs r12, r12, r10\n\t"
      "adc r12, r12, r11\n\tstrb lr, [r3]\n\t"
      "cmp r4, #4\n\t"
      "ssat lr, #8, r12\n\tldrsb r12, [r1, #1]\n\t"
      "add r1, r1, #2\n\t"
      "strb lr, [r3, #1]\n\tadd r3, r3, #2\n\t"
      "bge 1b\n\t"
      : "+r"(base)
      :
      : "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr", "cc",
        "memory");
  /* clang-format on */
}
#endif

/* n elements, `whole` of the larger scale, `part` of the other one, whose shift, like the output's,
 * is to the right: then no product overflows, since the inputs have 8 bits and 21 more. */
MCUNET_INLINE void mcunet_add_row(const int8_t* whole, const int8_t* part, int8_t* out, int32_t n,
                                  int32_t zero_whole, int32_t zero_part, int32_t multiplier,
                                  int32_t shift, const mcunet_add_params* p) {
  const int32_t offset_whole = -zero_whole * (1 << 19), offset_part = -zero_part * (1 << 21);
  const int32_t m = p->out_multiplier, right = -p->out_shift, zero = p->out_zero;
#if MCUNET_DSP
  if (n > 3 && m >= 1 << 30) {
    const mcunet_add_run run = {part,   whole,        out,
                                n,      offset_part,  multiplier,
                                -shift, offset_whole, mcunet_signed((uint32_t)m * 2),
                                right,  zero};
    const int32_t done = (n - 2) / 2 * 2;
    mcunet_add_pairs(&run);
    n -= done, whole += done, part += done, out += done;
  }
#endif
  /* Two at a time, for the sake of latencies. Both are read before any is written. */
  for (; n > 1; n -= 2, whole += 2, part += 2, out += 2) {
    const int32_t a = mcunet_high_mul_of_twice(part[0] * (1 << 21) + offset_part, multiplier);
    const int32_t b = mcunet_high_mul_of_twice(part[1] * (1 << 21) + offset_part, multiplier);
    const int32_t sum_a = mcunet_rounding_shift_add(a, -shift, offset_whole) + whole[0] * (1 << 19);
    const int32_t sum_b = mcunet_rounding_shift_add(b, -shift, offset_whole) + whole[1] * (1 << 19);
    const int32_t high_a = mcunet_high_mul_of_twice(sum_a * 2, m);
    const int32_t high_b = mcunet_high_mul_of_twice(sum_b * 2, m);
    out[0] = (int8_t)mcunet_saturate8(mcunet_rounding_shift_add(high_a, right, zero));
    out[1] = (int8_t)mcunet_saturate8(mcunet_rounding_shift_add(high_b, right, zero));
  }
  if (n > 0) {
    const int32_t a = mcunet_high_mul_of_twice(part[0] * (1 << 21) + offset_part, multiplier);
    const int32_t sum = mcunet_rounding_shift_add(a, -shift, offset_whole) + whole[0] * (1 << 19);
    const int32_t high = mcunet_high_mul_of_twice(sum * 2, m);
    out[0] = (int8_t)mcunet_saturate8(mcunet_rounding_shift_add(high, right, zero));
  }
}

/* Inputs gain 20 bits before they are brought to the common scale. */
void mcunet_add(const int8_t* in1, const int8_t* in2, int8_t* out, const mcunet_add_params* p) {
  const int32_t n = p->shape.dims[MCUNET_MAX_BROADCAST_DIMS - 1];
  const int32_t step1 = p->shape.strides1[MCUNET_MAX_BROADCAST_DIMS - 1];
  const int32_t step2 = p->shape.strides2[MCUNET_MAX_BROADCAST_DIMS - 1];
  /* Copies, since for all the compiler knows a store to out could change *p. */
  const int32_t m1 = p->multiplier1, m2 = p->multiplier2, m = p->out_multiplier;
  const int32_t s1 = p->shift1, s2 = p->shift2, s = p->out_shift;
  const int32_t z1 = p->zero1, z2 = p->zero2, zero = p->out_zero, low = p->act_min,
                high = p->act_max;
  const uint32_t sign = p->subtract ? UINT32_MAX : 1u;
  mcunet_broadcast_row row = {in1, in2, {0, 0, 0, 0}};
  if (!p->subtract && step1 == 1 && step2 == 1 && s1 <= 0 && s2 <= 0 && s <= 0) {
    const int32_t first = m1 == MCUNET_ADD_HALF && s1 == 0;
    if (first || (m2 == MCUNET_ADD_HALF && s2 == 0)) {
      do {
        mcunet_add_row(first ? row.in1 : row.in2, first ? row.in2 : row.in1, out, n,
                       first ? z1 : z2, first ? z2 : z1, first ? m2 : m1, first ? s2 : s1, p);
        mcunet_narrow(out, n, low, high);
        out += n;
      } while (mcunet_broadcast_next(&row, &p->shape));
      return;
    }
  }
  do {
    const int8_t* x1 = row.in1;
    const int8_t* x2 = row.in2;
    for (int32_t i = 0; i < n; ++i, x1 += step1, x2 += step2) {
      const int32_t a = mcunet_requantize((*x1 - z1) * (1 << 20), m1, s1);
      const int32_t b = mcunet_requantize((*x2 - z2) * (1 << 20), m2, s2);
      const int32_t scaled =
          mcunet_requantize(mcunet_signed((uint32_t)a + sign * (uint32_t)b), m, s);
      *out++ = mcunet_output(scaled, zero, low, high);
    }
  } while (mcunet_broadcast_next(&row, &p->shape));
}
