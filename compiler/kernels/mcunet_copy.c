/* SPDX-License-Identifier: MIT-0 */
#include "compiler/kernels/mcunet_kernels.h"
#include "compiler/kernels/mcunet_simd.h"

void mcunet_copy(const int8_t* in, int8_t* out, const mcunet_copy_params* p) {
  const int32_t last = MCUNET_MAX_COPY_DIMS - 1;
  const int32_t n = p->dims[last];
  const int32_t in_step = p->in_strides[last], out_step = p->out_strides[last];
  int32_t index[MCUNET_MAX_COPY_DIMS - 1] = {0, 0, 0, 0, 0};
  int32_t d;
  do {
    if (in_step == 1 && out_step == 1) {
      memmove(out, in, (size_t)n);
    } else {
      for (int32_t i = 0; i < n; ++i) out[(ptrdiff_t)i * out_step] = in[(ptrdiff_t)i * in_step];
    }
    for (d = last - 1; d >= 0; --d) {
      if (++index[d] < p->dims[d]) {
        in += p->in_strides[d];
        out += p->out_strides[d];
        break;
      }
      index[d] = 0;
      in -= (ptrdiff_t)(p->dims[d] - 1) * p->in_strides[d];
      out -= (ptrdiff_t)(p->dims[d] - 1) * p->out_strides[d];
    }
  } while (d >= 0);
}
