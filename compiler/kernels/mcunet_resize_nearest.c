/* SPDX-License-Identifier: MIT-0 */
#include "compiler/kernels/mcunet_kernels.h"
#include "compiler/kernels/mcunet_ring.h"

void mcunet_resize_nearest(const int8_t* in, int8_t* out, const mcunet_resize_nearest_params* p,
                           int32_t row, int32_t rows) {
  const int32_t channels = p->channels, out_w = p->out_w;
  const uint16_t* cols = p->cols;
  for (; rows > 0; ++row, --rows) {
    const int8_t* x = in + (ptrdiff_t)mcunet_ring_slot(p->rows[row], p->in_rows) * p->in_row_stride;
    for (int32_t ox = 0; ox < out_w; ++ox, out += channels) {
      memcpy(out, x + (ptrdiff_t)cols[ox] * channels, (size_t)channels);
    }
  }
}
