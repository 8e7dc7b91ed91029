/* SPDX-License-Identifier: MIT-0 */
/* The loops that average and maximum pooling share. */
#ifndef MCUNET_POOL_H
#define MCUNET_POOL_H

#include "compiler/kernels/mcunet_params.h"
#include "compiler/kernels/mcunet_requantize.h"
#include "compiler/kernels/mcunet_ring.h"

/* The part of a window that lies inside the image: rows up to the end of the ring, then those that
 * go on at its beginning. width is the length of a row in elements, next the step from the end of a
 * row to the next one, ring the size of the ring. */
typedef struct mcunet_pool_window {
  int32_t rows, rows_after;
  ptrdiff_t width, next, ring;
} mcunet_pool_window;

MCUNET_INLINE int32_t mcunet_pool_step(int32_t value, int32_t x, int32_t average) {
  if (average) return value + x;
  return x > value ? x : value;
}

/* n channels, 1 or 4, of one pixel: their sums or maxima. n and average are constants. */
MCUNET_INLINE void mcunet_pool_channels(const int8_t* x, int32_t* values, int32_t n,
                                        int32_t average, mcunet_pool_window window,
                                        ptrdiff_t channels) {
  int32_t a = average ? 0 : INT8_MIN, b = a, c = a, d = a;
  do {
    do {
      const int8_t* end = x + window.width;
      do {
        a = mcunet_pool_step(a, x[0], average);
        if (n == 4) {
          b = mcunet_pool_step(b, x[1], average);
          c = mcunet_pool_step(c, x[2], average);
          d = mcunet_pool_step(d, x[3], average);
        }
        x += channels;
      } while (x < end);
      x += window.next;
    } while (--window.rows > 0);
    x -= window.ring;
    window.rows = window.rows_after;
    window.rows_after = 0;
  } while (window.rows > 0);
  values[0] = a;
  if (n == 4) values[1] = b, values[2] = c, values[3] = d;
}

/* average: 0 for the maximum, a constant. */
MCUNET_INLINE void mcunet_pool_rows(const int8_t* in, int8_t* out, int32_t average,
                                    const mcunet_pool_params* p, int32_t row, int32_t rows) {
  /* Copies, since for all the compiler knows a store to out could change *p. */
  const int32_t channels = p->channels, low = p->act_min, high = p->act_max;
  mcunet_pool_window window;
  window.ring = (ptrdiff_t)p->in_rows * p->in_row_stride;
  for (; rows > 0; ++row, --rows) {
    const int32_t top = row * p->stride_h - p->pad_top;
    const int32_t y0 = mcunet_clamp(top, 0, p->in_h),
                  y1 = mcunet_clamp(top + p->filter_h, 0, p->in_h);
    const int32_t slot = mcunet_ring_slot(y0, p->in_rows);
    const int8_t* line = in + (ptrdiff_t)slot * p->in_row_stride;
    window.rows = y1 - y0 < p->in_rows - slot ? y1 - y0 : p->in_rows - slot;
    window.rows_after = y1 - y0 - window.rows;
    for (int32_t ox = 0; ox < p->out_w; ++ox) {
      const int32_t left = ox * p->stride_w - p->pad_left;
      const int32_t x0 = mcunet_clamp(left, 0, p->in_w),
                    x1 = mcunet_clamp(left + p->filter_w, 0, p->in_w);
      const int32_t count = (y1 - y0) * (x1 - x0), half = count / 2;
      const int8_t* x = line + (ptrdiff_t)x0 * channels;
      window.width = (ptrdiff_t)(x1 - x0) * channels;
      window.next = p->in_row_stride - window.width;
      for (int32_t n, c = channels; c > 0; c -= n) {
        int32_t values[4];
        if (c >= 4) {
          mcunet_pool_channels(x, values, 4, average, window, channels);
          x += 4;
          n = 4;
        } else {
          for (n = 0; n < c; ++n, ++x)
            mcunet_pool_channels(x, values + n, 1, average, window, channels);
        }
        for (int32_t i = 0; i < n; ++i) {
          int32_t value = values[i];
          if (average) value = (value > 0 ? value + half : value - half) / count;
          *out++ = (int8_t)mcunet_clamp(value, low, high);
        }
      }
    }
  }
}

#endif /* MCUNET_POOL_H */
