/* SPDX-License-Identifier: MIT-0 */
#include "compiler/kernels/mcunet_broadcast.h"
#include "compiler/kernels/mcunet_kernels.h"

void mcunet_minmax(const int8_t* in1, const int8_t* in2, int8_t* out,
                   const mcunet_minmax_params* p) {
  const int32_t n = p->shape.dims[MCUNET_MAX_BROADCAST_DIMS - 1];
  const int32_t step1 = p->shape.strides1[MCUNET_MAX_BROADCAST_DIMS - 1];
  const int32_t step2 = p->shape.strides2[MCUNET_MAX_BROADCAST_DIMS - 1];
  mcunet_broadcast_row row = {in1, in2, {0, 0, 0, 0}};
  do {
    const int8_t* x1 = row.in1;
    const int8_t* x2 = row.in2;
    for (int32_t i = 0; i < n; ++i, x1 += step1, x2 += step2) {
      const int8_t a = *x1, b = *x2;
      *out++ = (a > b) == (p->maximum != 0) ? a : b;
    }
  } while (mcunet_broadcast_next(&row, &p->shape));
}
