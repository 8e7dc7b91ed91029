/* SPDX-License-Identifier: MIT-0 */
#include "compiler/kernels/mcunet_conv_block.h"
#include "compiler/kernels/mcunet_conv_gather.h"

/* n inputs, a multiple of 4, into one pixel's words. */
MCUNET_INLINE uint32_t* mcunet_conv_bounded_widen(const int8_t* in, uint32_t* x, int32_t n) {
  const int8_t* const end = in + n;
  while (in != end) {
    uint32_t word, first;
    MCUNET_FETCH_NEXT(word, in);
    MCUNET_FIRST_PAIR(first, word);
    x[0] = first;
    MCUNET_SECOND_PAIR(word, word);
    x[4] = word;
    x += 8;
  }
  return x;
}

/* The window whose rows, of `run` bytes, all lie in the image: to bytes one behind the other. */
MCUNET_INLINE int8_t* mcunet_conv_bounded_rows(const int8_t* in, int32_t offset, int32_t step,
                                               int32_t ring, int32_t kernel_h, int32_t run,
                                               int8_t* out) {
  for (; kernel_h > 0; --kernel_h, offset += step) {
    if (offset >= ring) offset -= ring;
    out = mcunet_conv_copy(out, in + offset, run, 1);
  }
  return out;
}

MCUNET_INLINE uint32_t* mcunet_conv_bounded_pad(uint32_t* x, uint32_t padding, int32_t n) {
  for (; n > 0; n -= 4, x += 8) x[0] = x[4] = padding;
  return x;
}

/* The inputs under the kernel at column x of the image, where the channels of a pixel are dense and
 * a multiple of 4, to one pixel's words. */
MCUNET_INLINE void mcunet_conv_bounded_fours(const int8_t* in, mcunet_conv_window window,
                                             int32_t column, uint32_t* x,
                                             const mcunet_conv_params* p) {
  const int32_t in_c = p->in_c, in_w = p->in_w, kernel_w = p->kernel_w;
  const int32_t dense = p->dilation_w == 1 && p->in_pixel_stride == in_c;
  const int32_t one_run = dense && column >= 0 && column + kernel_w <= in_w;
  const int32_t step = p->dilation_h * p->in_row_stride;
  const int8_t zero[4] = {p->in_zero, p->in_zero, p->in_zero, p->in_zero};
  const uint32_t padding = mcunet_sxtb16(mcunet_load_s8x4(zero));
  int32_t offset = window.first;
  for (int32_t ky = 0; ky < p->kernel_h; ++ky, offset += step) {
    if ((uint32_t)(ky - window.top) >= window.rows) {
      x = mcunet_conv_bounded_pad(x, padding, kernel_w * in_c);
      continue;
    }
    if (offset >= window.ring) offset -= window.ring;
    if (one_run) {
      x = mcunet_conv_bounded_widen(in + (offset + column * in_c), x, kernel_w * in_c);
      continue;
    }
    int32_t at = column;
    for (int32_t kx = 0; kx < kernel_w; ++kx, at += p->dilation_w) {
      x = at < 0 || at >= in_w
              ? mcunet_conv_bounded_pad(x, padding, in_c)
              : mcunet_conv_bounded_widen(in + (offset + at * p->in_pixel_stride), x, in_c);
    }
  }
}

/* n pixels that lie widened in x. */
MCUNET_INLINE int8_t* mcunet_conv_bounded_block(uint32_t* x, int8_t* out, int32_t n,
                                                mcunet_conv_block block,
                                                const mcunet_conv_params* p) {
  mcunet_conv_block_run(x, out, n, 4, block);
  for (; n > 0; --n, out += block.pitch) mcunet_narrow(out, block.out_c, p->act_min, p->act_max);
  return out;
}

void mcunet_conv_bounded(const int8_t* in, int8_t* out, int16_t* scratch,
                         const mcunet_conv_params* p, int32_t row, int32_t rows) {
  const int32_t in_c = p->in_c, kernel_h = p->kernel_h, run = p->kernel_w * in_c;
  const int32_t k = kernel_h * run, k4 = MCUNET_CONV_BLOCK_DEPTH(k);
  const int32_t last_column = p->in_w - p->kernel_w, step = p->dilation_h * p->in_row_stride;
  const int32_t out_w = p->out_w, fours = in_c % 4 == 0 && p->in_channel_stride == 1;
  const int32_t dense =
      p->dilation_w == 1 && p->in_channel_stride == 1 && p->in_pixel_stride == in_c;
  const mcunet_conv_block block = {(const uint32_t*)p->constants, p->out_zero, p->out_c, k4,
                                   p->out_pixel_stride};
  uint32_t* x = (uint32_t*)(void*)scratch;
  int32_t n = 0; /* pixels collected, which may belong to several rows */
  int32_t column = -p->pad_left, ox = 0;
  mcunet_conv_window window = mcunet_conv_window_of(p, row);
  for (int32_t left = rows * out_w; left > 0;) {
    if (ox == out_w) {
      ox = 0;
      column = -p->pad_left;
      window = mcunet_conv_window_of(p, ++row);
    }
    const int32_t whole_rows = window.rows == (uint32_t)kernel_h;
    if (fours) {
      mcunet_conv_bounded_fours(in, window, column, x + n, p);
    } else {
      int8_t bytes[MCUNET_CONV_BOUNDED_TAPS + 8];
      if (dense && whole_rows && column >= 0 && column <= last_column) {
        int8_t* end = mcunet_conv_bounded_rows(in + column * in_c, window.first, step, window.ring,
                                               kernel_h, run, bytes);
        if (k4 > k) memset(end, 0, 8);
      } else {
        mcunet_conv_gather(in, window, column, dense, bytes, k4 - k, p);
      }
      mcunet_conv_bounded_widen(bytes, x + n, k4);
    }
    ++ox;
    column += p->stride_w;
    if (++n < 4 && n < left) continue;
    out = mcunet_conv_bounded_block(x, out, n, block, p);
    left -= n;
    n = 0;
  }
}
