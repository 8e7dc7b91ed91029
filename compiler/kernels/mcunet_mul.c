/* SPDX-License-Identifier: MIT-0 */
#include "compiler/kernels/mcunet_broadcast.h"
#include "compiler/kernels/mcunet_kernels.h"
#include "compiler/kernels/mcunet_requantize.h"

void mcunet_mul(const int8_t* in1, const int8_t* in2, int8_t* out, const mcunet_mul_params* p) {
  const int32_t n = p->shape.dims[MCUNET_MAX_BROADCAST_DIMS - 1];
  const int32_t step1 = p->shape.strides1[MCUNET_MAX_BROADCAST_DIMS - 1];
  const int32_t step2 = p->shape.strides2[MCUNET_MAX_BROADCAST_DIMS - 1];
  /* Copies, since for all the compiler knows a store to out could change *p. */
  const int32_t multiplier = p->multiplier, shift = p->shift;
  const int32_t z1 = p->zero1, z2 = p->zero2, zero = p->out_zero, low = p->act_min,
                high = p->act_max;
  mcunet_broadcast_row row = {in1, in2, {0, 0, 0, 0}};
  do {
    const int8_t* x1 = row.in1;
    const int8_t* x2 = row.in2;
    for (int32_t i = 0; i < n; ++i, x1 += step1, x2 += step2) {
      const int32_t scaled = mcunet_requantize((*x1 - z1) * (*x2 - z2), multiplier, shift);
      *out++ = mcunet_output(scaled, zero, low, high);
    }
  } while (mcunet_broadcast_next(&row, &p->shape));
}
