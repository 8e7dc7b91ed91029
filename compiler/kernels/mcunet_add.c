/* SPDX-License-Identifier: MIT-0 */
#include "compiler/kernels/mcunet_broadcast.h"
#include "compiler/kernels/mcunet_kernels.h"
#include "compiler/kernels/mcunet_requantize.h"

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
