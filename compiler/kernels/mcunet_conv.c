/* SPDX-License-Identifier: MIT-0 */
#include "compiler/kernels/mcunet_kernels.h"
#include "compiler/kernels/mcunet_requantize.h"

/* Short runs are the rule here (a few channels), so no call of memcpy. */
MCUNET_INLINE int8_t* mcunet_conv_copy(int8_t* out, const int8_t* in, int32_t n, int32_t stride) {
  if (stride == 1) {
    for (; n >= 4; n -= 4, in += 4, out += 4) mcunet_store32(out, mcunet_load32(in));
  }
  for (; n > 0; --n, in += stride) *out++ = *in;
  return out;
}

MCUNET_INLINE int8_t* mcunet_conv_pad(int8_t* out, int8_t value, int32_t n) {
  if (n > 0) memset(out, value, (size_t)n);
  return out + n;
}

/* Copies the input values under the kernel, at (y, x) of the image, to K4 bytes: padding filled in,
 * tail zero. */
MCUNET_INLINE void mcunet_conv_gather(const int8_t* image, int32_t y, int32_t x, int8_t* out,
                                      int32_t tail, const mcunet_conv_params* p) {
  const int32_t in_c = p->in_c, in_w = p->in_w, kernel_w = p->kernel_w;
  const int32_t dense =
      p->dilation_w == 1 && p->in_channel_stride == 1 && p->in_pixel_stride == in_c;
  const int32_t inside = x >= 0 && x + kernel_w <= in_w;
  for (int32_t ky = 0; ky < p->kernel_h; ++ky, y += p->dilation_h) {
    if (y < 0 || y >= p->in_h) {
      out = mcunet_conv_pad(out, p->in_zero, kernel_w * in_c);
      continue;
    }
    const int8_t* row = image + (ptrdiff_t)y * p->in_row_stride;
    if (dense && inside) {
      out = mcunet_conv_copy(out, row + (ptrdiff_t)x * in_c, kernel_w * in_c, 1);
      continue;
    }
    int32_t column = x;
    for (int32_t kx = 0; kx < kernel_w; ++kx, column += p->dilation_w) {
      if (column < 0 || column >= in_w) {
        out = mcunet_conv_pad(out, p->in_zero, in_c);
      } else {
        out = mcunet_conv_copy(out, row + (ptrdiff_t)column * p->in_pixel_stride, in_c,
                               p->in_channel_stride);
      }
    }
  }
  for (; tail > 0; --tail) *out++ = 0;
}

/* All channels of two pixels. With pixels or channels left over, x1 is x0, out1 is out0 and the
 * last channel is its own neighbour: they are computed twice and stored twice, which needs no
 * further code. */
MCUNET_INLINE void mcunet_conv_pixels(const int16_t* x0, const int16_t* x1, int8_t* out0,
                                      int8_t* out1, int32_t k4, const mcunet_conv_params* p) {
  const int32_t low = p->act_min, high = p->act_max, zero = p->out_zero;
  const int32_t out_c = p->out_c;
  for (int32_t c = 0; c < out_c; c += 2) {
    const int32_t d = c + 1 < out_c ? c + 1 : c;
    const int8_t* w0 = p->weights + (ptrdiff_t)c * k4;
    const int8_t* w1 = p->weights + (ptrdiff_t)d * k4;
    const int8_t* end = w0 + k4;
    const int16_t* a = x0;
    const int16_t* b = x1;
    uint32_t a0 = (uint32_t)p->bias[c], b0 = a0;
    uint32_t a1 = (uint32_t)p->bias[d], b1 = a1;
    do {
      const uint32_t u = mcunet_load_s8x4(w0), v = mcunet_load_s8x4(w1);
      const uint32_t u02 = mcunet_sxtb16(u), u13 = mcunet_sxtb16_ror8(u);
      const uint32_t v02 = mcunet_sxtb16(v), v13 = mcunet_sxtb16_ror8(v);
      const uint32_t a02 = mcunet_load32(a), a13 = mcunet_load32(a + 2);
      const uint32_t b02 = mcunet_load32(b), b13 = mcunet_load32(b + 2);
      a0 = mcunet_smlad(a02, u02, a0);
      a1 = mcunet_smlad(a02, v02, a1);
      b0 = mcunet_smlad(b02, u02, b0);
      b1 = mcunet_smlad(b02, v02, b1);
      a0 = mcunet_smlad(a13, u13, a0);
      a1 = mcunet_smlad(a13, v13, a1);
      b0 = mcunet_smlad(b13, u13, b0);
      b1 = mcunet_smlad(b13, v13, b1);
      w0 += 4;
      w1 += 4;
      a += 4;
      b += 4;
    } while (w0 != end);
    /* Loaded before any store, which for all the compiler knows could change them. */
    const int32_t m0 = p->multiplier[c], s0 = p->shift[c];
    const int32_t m1 = p->multiplier[d], s1 = p->shift[d];
    out0[c] = mcunet_output(mcunet_requantize(mcunet_signed(a0), m0, s0), zero, low, high);
    out1[c] = mcunet_output(mcunet_requantize(mcunet_signed(b0), m0, s0), zero, low, high);
    out0[d] = mcunet_output(mcunet_requantize(mcunet_signed(a1), m1, s1), zero, low, high);
    out1[d] = mcunet_output(mcunet_requantize(mcunet_signed(b1), m1, s1), zero, low, high);
  }
}

void mcunet_conv(const int8_t* in, int8_t* out, int16_t* scratch, const mcunet_conv_params* p) {
  const int32_t k = p->kernel_h * p->kernel_w * p->in_c;
  const int32_t k4 = MCUNET_ROUND_UP_4(k);
  const int32_t pixels = p->out_h * p->out_w;
  const int32_t total = p->batches * pixels;
  int8_t* first_out = out; /* of the pair's first pixel */
  int32_t in_batch = 0, oy = 0, ox = 0;
  for (int32_t n = 0; n < total; ++n) {
    const int32_t second = n & 1;
    int16_t* x = scratch + (second ? k4 : 0);
    int8_t* bytes = (int8_t*)x + k4; /* the later half, so that widening can go on in place */
    const int8_t* image = in + in_batch;
    int8_t* pixel = out + (ptrdiff_t)(oy * p->out_w + ox) * p->out_pixel_stride;
    mcunet_conv_gather(image, oy * p->stride_h - p->pad_top, ox * p->stride_w - p->pad_left, bytes,
                       k4 - k, p);
    for (int32_t i = 0; i < k4; i += 4) {
      const uint32_t word = mcunet_load_s8x4(bytes + i);
      mcunet_store32(x + i, mcunet_sxtb16(word));
      mcunet_store32(x + i + 2, mcunet_sxtb16_ror8(word));
    }
    if (!second) first_out = pixel;
    if (second || n + 1 == total) mcunet_conv_pixels(scratch, x, first_out, pixel, k4, p);
    if (++ox == p->out_w) {
      ox = 0;
      if (++oy == p->out_h) {
        oy = 0;
        in_batch += p->in_batch_stride;
        out += p->out_batch_stride;
      }
    }
  }
}
