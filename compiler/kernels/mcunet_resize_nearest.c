/* SPDX-License-Identifier: MIT-0 */
#include "compiler/kernels/mcunet_kernels.h"
#include "compiler/kernels/mcunet_simd.h"

void mcunet_resize_nearest(const int8_t* in, int8_t* out, const mcunet_resize_nearest_params* p) {
  const int32_t channels = p->channels;
  const ptrdiff_t row_size = (ptrdiff_t)p->in_w * channels;
  for (int32_t b = 0; b < p->batches; ++b, in += p->in_h * row_size) {
    for (int32_t y = 0; y < p->out_h; ++y) {
      const int8_t* row = in + p->rows[y] * row_size;
      for (int32_t x = 0; x < p->out_w; ++x, out += channels) {
        memcpy(out, row + (ptrdiff_t)p->cols[x] * channels, (size_t)channels);
      }
    }
  }
}
