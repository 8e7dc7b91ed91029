/* SPDX-License-Identifier: MIT-0 */
#include "compiler/kernels/mcunet_broadcast.h"
#include "compiler/kernels/mcunet_kernels.h"
#include "compiler/kernels/mcunet_requantize.h"

/* The input of the larger scale s has s / t = 1 / 2, so that of its 20 additional bits 19 remain
 * and nothing is rounded. */
#define MCUNET_ADD_HALF (1 << 30)

/* n elements, `whole` of the larger scale, `part` of the other one, whose shift, like the output's,
 * is to the right: then no product overflows, since the inputs have 8 bits and 21 more. */
MCUNET_INLINE void mcunet_add_row(const int8_t* whole, const int8_t* part, int8_t* out, int32_t n,
                                  int32_t zero_whole, int32_t zero_part, int32_t multiplier,
                                  int32_t shift, const mcunet_add_params* p) {
  const int32_t offset_whole = -zero_whole * (1 << 19), offset_part = -zero_part * (1 << 21);
  const int32_t m = p->out_multiplier, right = -p->out_shift, zero = p->out_zero;
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
