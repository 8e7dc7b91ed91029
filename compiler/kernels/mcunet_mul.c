/* SPDX-License-Identifier: MIT-0 */
#include "compiler/kernels/mcunet_broadcast.h"
#include "compiler/kernels/mcunet_kernels.h"
#include "compiler/kernels/mcunet_requantize.h"

/* n elements, a multiple of 4. The second operand advances by step2, 1, or 0 where it is one byte
 * for all. Products have 17 bits, so that their sums are bounded unless the scale shifts them left
 * far. */
MCUNET_INLINE void mcunet_mul_fours(const int8_t* x1, const int8_t* x2, int8_t* out, int32_t n,
                                    int32_t step2, const mcunet_mul_params* p) {
  const mcunet_scale scale = mcunet_scale_of(p->multiplier, p->shift, p->out_zero);
  const uint32_t minus1 = mcunet_both_halves(-p->zero1), minus2 = mcunet_both_halves(-p->zero2);
  uint32_t word2 = (uint32_t)(uint8_t)*x2 * 0x01010101u;
  for (const int8_t* const end = x1 + n; x1 != end; x1 += 4, out += 4) {
    const uint32_t word1 = mcunet_load_s8x4(x1);
    if (step2 != 0) word2 = mcunet_load_s8x4(x2), x2 += 4;
    const uint32_t a02 = mcunet_sxtab16(minus1, word1), a13 = mcunet_sxtab16_ror8(minus1, word1);
    const uint32_t b02 = mcunet_sxtab16(minus2, word2), b13 = mcunet_sxtab16_ror8(minus2, word2);
    uint32_t y[4] = {mcunet_smulbb(a02, b02), mcunet_smulbb(a13, b13), mcunet_smultt(a02, b02),
                     mcunet_smultt(a13, b13)};
    mcunet_scale4(y, scale);
    out[0] = (int8_t)y[0];
    out[1] = (int8_t)y[1];
    out[2] = (int8_t)y[2];
    out[3] = (int8_t)y[3];
  }
}

void mcunet_mul(const int8_t* in1, const int8_t* in2, int8_t* out, const mcunet_mul_params* p) {
  const int32_t n = p->shape.dims[MCUNET_MAX_BROADCAST_DIMS - 1];
  const int32_t step1 = p->shape.strides1[MCUNET_MAX_BROADCAST_DIMS - 1];
  const int32_t step2 = p->shape.strides2[MCUNET_MAX_BROADCAST_DIMS - 1];
  /* Copies, since for all the compiler knows a store to out could change *p. */
  const int32_t multiplier = p->multiplier, shift = p->shift;
  const int32_t z1 = p->zero1, z2 = p->zero2, zero = p->out_zero, low = p->act_min,
                high = p->act_max;
  const int32_t fours = step1 == 1 && shift < 13 ? n & ~3 : 0;
  mcunet_broadcast_row row = {in1, in2, {0, 0, 0, 0}};
  do {
    const int8_t* x1 = row.in1;
    const int8_t* x2 = row.in2;
    if (fours > 0) {
      mcunet_mul_fours(x1, x2, out, fours, step2, p);
      mcunet_narrow(out, fours, low, high);
      x1 += fours;
      x2 += fours * step2;
      out += fours;
    }
    for (int32_t i = fours; i < n; ++i, x1 += step1, x2 += step2) {
      const int32_t scaled = mcunet_requantize((*x1 - z1) * (*x2 - z2), multiplier, shift);
      *out++ = mcunet_output(scaled, zero, low, high);
    }
  } while (mcunet_broadcast_next(&row, &p->shape));
}
