/* SPDX-License-Identifier: MIT-0 */
/* Collecting the input values under a convolution's kernel. */
#ifndef MCUNET_CONV_GATHER_H
#define MCUNET_CONV_GATHER_H

#include "compiler/kernels/mcunet_kernels.h"
#include "compiler/kernels/mcunet_ring.h"

/* Short runs are the rule here (a few channels), so no call of memcpy, and few branches: the last
 * word of a run may overlap the one before. */
MCUNET_INLINE int8_t* mcunet_conv_copy(int8_t* out, const int8_t* in, int32_t n, int32_t stride) {
  if (stride == 1 && n >= 4) {
    for (; n > 16; n -= 8, in += 8, out += 8) {
      mcunet_store32(out, mcunet_load32(in));
      mcunet_store32(out + 4, mcunet_load32(in + 4));
    }
    if (n > 4) mcunet_store32(out, mcunet_load32(in));
    if (n > 8) mcunet_store32(out + 4, mcunet_load32(in + 4));
    if (n > 12) mcunet_store32(out + 8, mcunet_load32(in + 8));
    mcunet_store32(out + n - 4, mcunet_load32(in + n - 4));
    return out + n;
  }
  for (; n > 0; --n, in += stride) *out++ = *in;
  return out;
}

MCUNET_INLINE int8_t* mcunet_conv_pad(int8_t* out, int8_t value, int32_t n) {
  if (n > 0) memset(out, value, (size_t)n);
  return out + n;
}

/* The kernel's rows over one output row: top of them lie above the image, then rows in it. first is
 * the offset in the ring of the first one, as if the rows above the image were in the ring too;
 * ring is the ring's size. */
typedef struct mcunet_conv_window {
  int32_t top, first, ring;
  uint32_t rows;
} mcunet_conv_window;

/* Copies the input values under the kernel, at column x of the image, to K4 bytes: padding filled
 * in, tail zero. dense: neighbours in a row are neighbours in memory. */
MCUNET_INLINE void mcunet_conv_gather(const int8_t* in, mcunet_conv_window window, int32_t x,
                                      int32_t dense, int8_t* out, int32_t tail,
                                      const mcunet_conv_params* p) {
  const int32_t in_c = p->in_c, in_w = p->in_w, kernel_w = p->kernel_w;
  const int32_t one_run = dense && x >= 0 && x + kernel_w <= in_w;
  const int32_t step = p->dilation_h * p->in_row_stride;
  int32_t offset = window.first;
  for (int32_t ky = 0; ky < p->kernel_h; ++ky, offset += step) {
    if ((uint32_t)(ky - window.top) >= window.rows) {
      out = mcunet_conv_pad(out, p->in_zero, kernel_w * in_c);
      continue;
    }
    if (offset >= window.ring) offset -= window.ring;
    if (one_run) {
      out = mcunet_conv_copy(out, in + (offset + x * in_c), kernel_w * in_c, 1);
      continue;
    }
    int32_t column = x;
    for (int32_t kx = 0; kx < kernel_w; ++kx, column += p->dilation_w) {
      if (column < 0 || column >= in_w) {
        out = mcunet_conv_pad(out, p->in_zero, in_c);
      } else {
        out = mcunet_conv_copy(out, in + (offset + column * p->in_pixel_stride), in_c,
                               p->in_channel_stride);
      }
    }
  }
  for (; tail > 0; --tail) *out++ = 0;
}

/* The window of an output row. */
MCUNET_INLINE mcunet_conv_window mcunet_conv_window_of(const mcunet_conv_params* p, int32_t row) {
  const int32_t y = row * p->stride_h - p->pad_top;
  const int32_t end = mcunet_taps_before(p->in_h, y, p->dilation_h, p->kernel_h);
  mcunet_conv_window window;
  window.top = mcunet_taps_before(0, y, p->dilation_h, p->kernel_h);
  window.rows = (uint32_t)(end - window.top);
  window.ring = p->in_rows * p->in_row_stride;
  window.first =
      mcunet_ring_slot(y + window.top * p->dilation_h, p->in_rows) - window.top * p->dilation_h;
  window.first *= p->in_row_stride;
  return window;
}

#endif /* MCUNET_CONV_GATHER_H */
