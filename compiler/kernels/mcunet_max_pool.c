/* SPDX-License-Identifier: MIT-0 */
#include "compiler/kernels/mcunet_kernels.h"
#include "compiler/kernels/mcunet_requantize.h"

void mcunet_max_pool(const int8_t* in, int8_t* out, const mcunet_pool_params* p) {
  const int32_t channels = p->channels;
  const ptrdiff_t row_step = (ptrdiff_t)p->in_w * channels;
  for (int32_t b = 0; b < p->batches; ++b, in += p->in_h * row_step) {
    for (int32_t oy = 0; oy < p->out_h; ++oy) {
      const int32_t top = oy * p->stride_h - p->pad_top;
      const int32_t y0 = mcunet_clamp(top, 0, p->in_h),
                    y1 = mcunet_clamp(top + p->filter_h, 0, p->in_h);
      for (int32_t ox = 0; ox < p->out_w; ++ox, out += channels) {
        const int32_t left = ox * p->stride_w - p->pad_left;
        const int32_t x0 = mcunet_clamp(left, 0, p->in_w),
                      x1 = mcunet_clamp(left + p->filter_w, 0, p->in_w);
        const int8_t* window = in + y0 * row_step + (ptrdiff_t)x0 * channels;
        for (int32_t c = 0; c < channels; ++c) {
          const int8_t* row = window + c;
          int32_t maximum = INT8_MIN;
          for (int32_t y = y0; y < y1; ++y, row += row_step) {
            const int8_t* x = row;
            for (int32_t n = x1 - x0; n > 0; --n, x += channels)
              maximum = *x > maximum ? *x : maximum;
          }
          out[c] = (int8_t)mcunet_clamp(maximum, p->act_min, p->act_max);
        }
      }
    }
  }
}
